/** Verifier keys of published checksum databases, as the go command has them built in. */
const PUBLISHED: Readonly<Record<string, string>> = {
  'sum.golang.org': 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8',
};

/** The verifier key a setting means: a published database by its name, any other by its own key. */
export const checksumDatabaseKey = (setting: string): string => PUBLISHED[setting] ?? setting;
