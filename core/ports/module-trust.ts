/**
 * Signatures that publishers made of their modules, where a policy says that they lie. Not trusted: whoever serves them
 * may leave one out or serve any bytes, so rules verify them by the keys of the policy.
 */
export interface ModuleTrust {
  /**
   * At most 64 KiB; more is `LimitExceeded`. `undefined` is a named absence (404 or 410). MUST throw `SourceUnreachable`
   * for every other answer, `EgressRefused` for a host that is not listed.
   */
  signature(url: URL): Promise<Uint8Array | undefined>;
}
