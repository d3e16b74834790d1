import { readFileSync, writeFileSync } from 'node:fs';

/**
 * usage: patch-build-info.ts BINARY MODULE VERSION
 * Changes the h1 that the build info gives for a dependency, in place and to another well-formed one: what a forger of
 * build info would do who must keep the file's layout.
 */
const [binary = '', module = '', version = ''] = process.argv.slice(2);
const bytes = readFileSync(binary);
const line = Buffer.from(`dep\t${module}\t${version}\th1:`, 'utf8');
let patched = 0;
for (let at = bytes.indexOf(line); at >= 0; at = bytes.indexOf(line, at + 1)) {
  const first = at + line.length;
  bytes[first] = bytes[first] === 0x41 ? 0x42 : 0x41;
  patched += 1;
}
if (patched === 0) throw new Error(`no build info line of ${module} ${version} in ${binary}`);
writeFileSync(binary, bytes);
