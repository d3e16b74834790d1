import { ModulePath, ModuleVersion } from '../brands.ts';
import type { GoModFile } from '../gosum/go-mod.ts';
import { goSumKey } from '../gosum/go-sum.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { ZipHasher } from '../ports/zip-hasher.ts';
import type { Refusal } from '../verdict.ts';
import type { AskedDatabase } from './asked-database.ts';
import { databaseRecords } from './database-records.ts';
import { fetchedGoRelease, isDownloadable } from './go-release.ts';
import type { ToolchainProof } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';

/**
 * Go itself, where go.mod would have the go command fetch it: a module like others, recorded in the checksum database. The
 * go command asks for it whatever its settings call private, so that nothing is told by asking.
 */

export interface ToolchainDeps {
  readonly asked: AskedDatabase;
  readonly modules: Pick<ModuleSource, 'zip'>;
  readonly hasher: ZipHasher;
}

export interface ProvedToolchains {
  readonly toolchains?: readonly ToolchainProof[];
  readonly refusals: readonly Refusal[];
}

const PATH = 'golang.org/toolchain';

/** `linux/amd64` → `v0.0.1-go1.22.3.linux-amd64`. */
const versionFor = (release: string, platform: string): string => `v0.0.1-go${release}.${platform.replace('/', '-')}`;

const otherZip = (version: string, recorded: string, served: string): Refusal => ({
  code: 'gosum.mismatch',
  where: `${PATH}@${version}`,
  expected: `${goSumKey(PATH, version, 'zip')} ${recorded}`.slice(0, 1024),
  found: served,
  fix: 'The module proxy serves another Go than is recorded: build with nothing that it served before it is known why.',
});

/** What the proxy serves for a version; each zip is some 70 MB, read one after the other. */
async function servedZip({ modules, hasher }: ToolchainDeps, version: string): Promise<ToolchainProof['served']> {
  const [path, at] = [ModulePath.parse(PATH), ModuleVersion.parse(version)];
  const zip = await modules.zip(path, at);
  if (!zip) return { kind: 'absent' };
  try {
    const hashed = await hasher.hash(zip, path, at);
    return hashed.kind === 'hashed'
      ? { kind: 'hashed', h1: hashed.h1 }
      : { kind: 'invalid', why: hashed.why.slice(0, 1024) };
  } finally {
    await zip.release();
  }
}

/** Looks for the record of every platform of the policy. Faults are those of the database and of the module proxy. */
export async function proveToolchains(
  deps: ToolchainDeps,
  { toolchain }: ModulePolicy,
  goMod: GoModFile,
): Promise<ProvedToolchains> {
  const release = fetchedGoRelease(goMod);
  if (toolchain.severity === 'off' || toolchain.proved.length === 0 || release === undefined) return { refusals: [] };
  const platforms = [...new Set(toolchain.proved)];
  // A name that no release has may be somebody's own: it is nobody else's business, and there is no record of it.
  if (!isDownloadable(release))
    return { toolchains: platforms.map((platform) => ({ platform, release })), refusals: [] };
  const versions = platforms.map((platform) => ({ path: PATH, version: versionFor(release, platform) }));
  const { records, refusals } = await databaseRecords(deps.asked, versions);
  const toolchains: ToolchainProof[] = [];
  const mismatches: Refusal[] = [];
  for (const { module, record } of records) {
    const platform = platforms.find((each) => versionFor(release, each) === module.version) ?? '';
    const h1 = record?.hashes.get(goSumKey(PATH, module.version, 'zip'));
    const served = toolchain.zips && h1 !== undefined ? await servedZip(deps, module.version) : undefined;
    if (served?.kind === 'hashed' && h1 !== undefined && served.h1 !== h1)
      mismatches.push(otherZip(module.version, h1, served.h1));
    toolchains.push({
      ...{ platform, release },
      ...(record && h1 !== undefined ? { recorded: { record: record.id, h1 } } : {}),
      ...(served ? { served } : {}),
    });
  }
  return { toolchains, refusals: [...refusals, ...mismatches] };
}
