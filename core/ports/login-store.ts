/** Refresh tokens of people who logged in, by host. Secret: readable for their owner alone, in no log and no backup. */
export interface LoginStore {
  /** The token, or `undefined` only where nobody logged in. */
  load(host: string): Promise<string | undefined>;
  /** MUST be durable before it resolves: a server that rotates tokens takes the old one for stolen. */
  save(host: string, refreshToken: string): Promise<void>;
}
