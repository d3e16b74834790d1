import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openFileH1Memo } from '../adapters/embedded/file-h1-memo.ts';
import { goModuleCache } from '../adapters/network/go-module-cache.ts';
import { openThreadedZipHasher } from '../adapters/network/threaded-zip-hasher.ts';
import { mapBounded } from '../core/gosum/bounded.ts';
import { h1OfGoMod } from '../core/gosum/dirhash.ts';
import { type GoSumLine, parseGoSum } from '../core/gosum/go-sum.ts';
import { rememberingZipHasher } from '../core/gosum/zip-hashing.ts';

/** What the bench of modules measures, in a process of its own: every line of a go.sum that the cache has bytes for. */

const IN_FLIGHT = 16;

const { values } = parseArgs({
  options: { sum: { type: 'string' }, modcache: { type: 'string' }, memo: { type: 'string' }, key: { type: 'string' } },
});
const { sum = '', modcache = '', memo: file = '', key: keyFile = '' } = values;
const modules = goModuleCache(modcache);
const threads = openThreadedZipHasher();
const hasher = rememberingZipHasher(threads, await openFileH1Memo({ file, keyFile }));
const { lines } = parseGoSum(readFileSync(sum, 'utf8'));
const seen = { zips: 0, zipBytes: 0, goMods: 0, wrong: 0 };

async function judge({ module, version, kind, h1 }: GoSumLine): Promise<void> {
  if (kind === 'go.mod') {
    const bytes = await modules.goMod(module, version);
    if (!bytes) return;
    seen.goMods += 1;
    if (h1OfGoMod(bytes) !== h1) seen.wrong += 1;
    return;
  }
  const zip = await modules.zip(module, version);
  if (!zip) return;
  try {
    const hashed = await hasher.hash(zip, module, version);
    seen.zips += 1;
    seen.zipBytes += zip.size;
    if (hashed.kind !== 'hashed' || hashed.h1 !== h1) seen.wrong += 1;
  } finally {
    await zip.release();
  }
}

await mapBounded(lines, IN_FLIGHT, judge);
await threads.close();
const peakMib = process.resourceUsage().maxRSS / 1024;
process.stdout.write(JSON.stringify({ ...seen, peakMib }));
