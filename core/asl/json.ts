/** A JSON value, as it travels between states. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** What `JSON.parse` returns is JSON by construction. */
export const parseJson = (text: string): Json => JSON.parse(text);

export const isJsonObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** UTF-8 bytes of a value's JSON text, the measure of every limit of Step Functions. */
export const jsonByteLength = (value: Json): number => Buffer.byteLength(JSON.stringify(value), 'utf8');

/** `$.States["Verify go.sum"].Retry[0]`: where in a document something stands. */
export const jsonPath = (steps: readonly PropertyKey[]): string =>
  `$${steps
    .map((step) => {
      if (typeof step === 'number') return `[${step}]`;
      const text = String(step);
      return /^[A-Za-z_]\w*$/.test(text) ? `.${text}` : `[${JSON.stringify(text)}]`;
    })
    .join('')}`;
