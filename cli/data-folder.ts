import { join } from 'node:path';

/** Where things lie in a data folder. */
export const dataFolder = (root: string) => ({
  root,
  config: join(root, 'relseal.yaml'),
  policy: join(root, 'policy.yaml'),
  secrets: join(root, 'secrets'),
  keys: join(root, 'keys'),
  artifactKey: join(root, 'keys', 'artifact.pem'),
  /** Its public half, written by the server for whoever verifies. */
  artifactPublicKey: join(root, 'keys', 'artifact.pub'),
  logKey: join(root, 'keys', 'log.pem'),
  /** Key of a tenant's module database. */
  moduleKey: (tenant: string) => join(root, 'keys', `modules-${tenant}.pem`),
  database: join(root, 'relseal.db'),
  worm: join(root, 'worm'),
  erasable: join(root, 'erasable'),
  /** What was fetched of modules and checksum databases; may be deleted at any time. */
  caches: { modules: join(root, 'cache', 'modules'), tiles: join(root, 'cache', 'tiles') },
  /** Refresh tokens of whoever logged in here, readable by its user only. */
  logins: join(root, 'logins'),
  /** Address and control token of the running server, readable by its user only. */
  server: join(root, 'server.json'),
});
export type DataFolder = ReturnType<typeof dataFolder>;
