import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';

/**
 * usage: module-zip.ts PROXY MODULE VERSION FOLDER FILE…
 * Puts one module version into a folder that is laid out as the GOPROXY protocol asks.
 */
const [proxy = '', module = '', version = '', folder = '', ...files] = process.argv.slice(2);
const directory = join(proxy, module, '@v');
mkdirSync(directory, { recursive: true });
const contents = files
  .sort()
  .map((file): [string, Uint8Array] => [`${module}@${version}/${file}`, readFileSync(join(folder, file))]);
const zip = zipSync(Object.fromEntries(contents), { level: 9, mtime: new Date('1980-01-01T00:00:00Z') });
writeFileSync(join(directory, `${version}.zip`), zip);
writeFileSync(join(directory, `${version}.mod`), readFileSync(join(folder, 'go.mod')));
writeFileSync(join(directory, `${version}.info`), JSON.stringify({ Version: version, Time: '2026-11-01T10:00:00Z' }));
writeFileSync(join(directory, 'list'), `${version}\n`, { flag: 'a' });
