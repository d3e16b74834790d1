import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import * as z from 'zod';
import { type GoSumLine, parseGoSum } from '../core/gosum/go-sum.ts';
import { percentile } from './figures.ts';

/** A program with a long list of modules; the go command fetches it as it fetches any other. */
const SUBJECT = 'github.com/sigstore/cosign/v3@v3.1.3';
const LEAST_ZIPS = 250;
const PAIRS = 3;
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GO_SETTINGS = ['GOMODCACHE', 'GOPROXY', 'GOSUMDB', 'GONOSUMDB', 'GONOPROXY', 'GOPRIVATE'];
const BANNER = "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);";

const Downloaded = z.object({ Dir: z.string() });
const Seen = z.strictObject({
  zips: z.int(),
  zipBytes: z.int(),
  goMods: z.int(),
  wrong: z.int(),
  peakMib: z.number(),
});
type Seen = z.infer<typeof Seen>;
/** Milliseconds. */
type Times = Readonly<Record<'go' | 'cold' | 'warm' | 'provedCold' | 'provedWarm', number[]>>;

/** go.mod, go.sum and below `tree` all of the subject, and in the module cache every zip of its build list. */
function prepare(folder: string): void {
  const go = (...args: string[]) => execFileSync('go', args, { cwd: folder, encoding: 'utf8' });
  const { Dir } = Downloaded.parse(JSON.parse(go('mod', 'download', '-json', SUBJECT)));
  for (const name of ['go.mod', 'go.sum']) writeFileSync(join(folder, name), readFileSync(join(Dir, name)));
  cpSync(Dir, join(folder, 'tree'), { recursive: true });
  go('mod', 'download');
  fillCache(folder);
}

/** What go.sum has lines of and a build does not fetch: a check that asks nobody must find it in the module cache. */
function fillCache(folder: string): void {
  const { lines } = parseGoSum(readFileSync(join(folder, 'go.sum'), 'utf8'));
  const named = (kind: GoSumLine['kind']) =>
    lines.filter((line) => line.kind === kind).map(({ module, version }) => `${module}@${version}`);
  // Outside a module, so that each is fetched as it is named.
  const cwd = join(folder, 'nowhere');
  mkdirSync(cwd);
  execFileSync('go', ['mod', 'download', ...named('zip')], { cwd });
  execFileSync('go', ['list', '-m', '-e', '-f', '{{.GoMod}}', ...named('go.mod')], { cwd, stdio: 'ignore' });
}

/**
 * The published command over the whole tree: each line hashed and proved in the checksum database, and what the packages
 * import read, too. A first run over the network records lookups and tiles; the timed ones ask nobody.
 */
function openProving(folder: string) {
  execFileSync(process.execPath, [join(ROOT, 'cli', 'build.mjs')], { cwd: ROOT });
  const home = join(folder, 'home');
  mkdirSync(home);
  const goEnvironment = z
    .record(z.string(), z.string())
    .parse(JSON.parse(execFileSync('go', ['env', '-json', ...GO_SETTINGS]).toString()));
  const own = { HOME: home, XDG_CACHE_HOME: undefined, XDG_CONFIG_HOME: undefined, GOENV: 'off' };
  const env = { ...process.env, ...own, ...goEnvironment };
  const verify = (...more: string[]): void => {
    execFileSync(
      process.execPath,
      [join(ROOT, 'dist', 'cli', 'main.mjs'), 'verify', 'modules', join(folder, 'tree'), ...more],
      {
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
  };
  verify();
  return {
    forget: () => rmSync(join(home, '.cache', 'relseal', 'h1-memo'), { force: true }),
    verify: () => verify('--offline'),
  };
}

/** As the published command line is bundled: the program, and beside it the thread that hashes. */
function bundle(folder: string): string {
  buildSync({
    entryPoints: {
      run: fileURLToPath(new URL('./modules-run.ts', import.meta.url)),
      'zip-hash-worker': fileURLToPath(new URL('../adapters/network/zip-hash-worker.ts', import.meta.url)),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: BANNER },
  });
  return join(folder, 'run.mjs');
}

/** Milliseconds of a whole process, its start included. */
function timed<T>(run: () => T): { ms: number; result: T } {
  const began = performance.now();
  const result = run();
  return { ms: performance.now() - began, result };
}

function contenders(folder: string) {
  const program = bundle(folder);
  const modcache = execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' }).trim();
  const environment = { ...process.env, GOFLAGS: '-mod=readonly', GOPROXY: 'off', GOWORK: 'off' };
  const verify = () => execFileSync('go', ['mod', 'verify'], { cwd: folder, encoding: 'utf8', env: environment });
  const ours = (memo: string): Seen => {
    const args = ['--sum', join(folder, 'go.sum'), '--modcache', modcache, '--memo', memo];
    const answer = execFileSync(process.execPath, [program, ...args, '--key', join(folder, 'keys', 'memo.key')]);
    return Seen.parse(JSON.parse(answer.toString()));
  };
  return { verify, ours };
}

/** Hashing every module of a long build list, without and with a memo, beside `go mod verify` on the same cache. */
export async function modulesBench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-bench-modules-'));
  try {
    prepare(folder);
    const { verify, ours } = contenders(folder);
    const proving = openProving(folder);
    const times: Times = { go: [], cold: [], warm: [], provedCold: [], provedWarm: [] };
    let seen: Seen | undefined;
    let peakMib = 0;
    // The first pair warms the cache of the system and counts for nothing.
    for (let pair = 0; pair <= PAIRS; pair += 1) {
      const memo = join(folder, `memo-${pair}`, 'memo');
      const peer = timed(verify);
      const cold = timed(() => ours(memo));
      const warm = timed(() => ours(memo));
      proving.forget();
      const provedCold = timed(proving.verify);
      const provedWarm = timed(proving.verify);
      seen = warm.result;
      if (seen.wrong > 0 || cold.result.wrong > 0) throw new Error('a module does not hash to its line');
      peakMib = Math.max(peakMib, cold.result.peakMib, warm.result.peakMib);
      if (pair === 0) continue;
      times.go.push(peer.ms);
      times.cold.push(cold.ms);
      times.warm.push(warm.ms);
      times.provedCold.push(provedCold.ms);
      times.provedWarm.push(provedWarm.ms);
    }
    if (!seen || seen.zips < LEAST_ZIPS) throw new Error(`only ${seen?.zips ?? 0} zips are in the module cache`);
    report(times, seen, peakMib);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function report(times: Times, seen: Seen, peakMib: number): void {
  const median = (sample: readonly number[]) => percentile(sample, 50);
  const line = (what: string, sample: readonly number[]) =>
    `  ${what.padEnd(44)} ${(median(sample) / 1000).toFixed(2)} s  ratio ${(median(sample) / median(times.go)).toFixed(3)}\n`;
  process.stdout.write(
    `modules: ${seen.zips} zips of ${(seen.zipBytes / 1e6).toFixed(0)} MB and ${seen.goMods} go.mod files of ${SUBJECT}, ` +
      `${availableParallelism()} cores, ${PAIRS} pairs, medians of whole processes\n` +
      line('peer, go mod verify', times.go) +
      line('ours, nothing remembered', times.cold) +
      line('ours, all remembered', times.warm) +
      line('verify modules --offline, nothing remembered', times.provedCold) +
      line('verify modules --offline, all remembered', times.provedWarm) +
      `  peak memory of the hashing: ${peakMib.toFixed(0)} MiB\n` +
      '  go mod verify also hashes the extracted folders, which we do not; verify modules also proves each line in the\n' +
      '  checksum database from recorded tiles, and reads what every package imports\n',
  );
}
