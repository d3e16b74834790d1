/** Secrets by reference (`env:NAME`, `file:PATH`, an ARN), never by value in configuration, events, logs or entries. */
export interface Secrets {
  /** The active values, newest first (two during a rotation). Empty values are refused with `ConfigurationInvalid`. */
  values(reference: string): Promise<readonly string[]>;
}
