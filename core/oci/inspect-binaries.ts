import { createHash } from 'node:crypto';
import * as z from 'zod';
import { OciDigest, Sha256Hex } from '../../events/fields.ts';
import { CheckRecord, keepReport } from '../check.ts';
import { EvidenceRef, loadJsonEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { executableFormat } from '../gobuildinfo/executable.ts';
import { type BuildInfoReading, readBuildInfo } from '../gobuildinfo/read.ts';
import type { Registry } from '../ports/registry.ts';
import { defineTask, RunContext } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import { FileTree } from './file-tree.ts';
import { ImageRecord, type PlatformImage, readPlatformImage } from './image.ts';
import { readLayer } from './layer.ts';
import { platformName } from './manifest.ts';
import { ContentRefused, refusalOf, valueOrRefusal } from './refused.ts';
import { type ImageDeps, PlatformRef } from './resolve-image.ts';

/** A program larger than this is refused, not read in part. */
const MAX_PROGRAM_BYTES = 300 * 1024 * 1024;
const MAX_PROGRAMS = 10_000;

const LinkedModule = z.strictObject({ path: z.string(), version: z.string().optional(), h1: z.string().optional() });
const LinkedDependency = LinkedModule.extend({ replace: LinkedModule.optional() });

/** A Go program as its build info describes it: a claim of whoever built it. */
export const InspectedBinary = z.strictObject({
  /** In the image, without leading `/`. */
  path: z.string(),
  sha256: Sha256Hex,
  size: z.int().nonnegative(),
  goVersion: z.string(),
  /** Import path of the main package. */
  package: z.string(),
  main: LinkedDependency.optional(),
  deps: z.array(LinkedDependency),
  settings: z.record(z.string(), z.string()),
});
export type InspectedBinary = z.infer<typeof InspectedBinary>;

/** Details of an inspect-binaries report. */
export const ImageInspection = z.strictObject({
  platform: z.string(),
  digest: OciDigest,
  binaries: z.array(InspectedBinary),
  /** Programs without build info. */
  unlinked: z.array(z.strictObject({ path: z.string(), sha256: Sha256Hex, size: z.int().nonnegative() })),
  /** Entrypoint and Cmd, as the runtime joins them. */
  entrypoint: z.array(z.string()),
  /** The file that starts, links followed; absent when it is none of the image. */
  entrypointFile: z.string().optional(),
  /** Names of the variables that change what a program loads or does. */
  environment: z.array(z.string()),
});
export type ImageInspection = z.infer<typeof ImageInspection>;

const LOADER_VARIABLES = new Set(['LD_PRELOAD', 'LD_AUDIT', 'LD_LIBRARY_PATH', 'GODEBUG']);
const LOADER_FILE = 'etc/ld.so.preload';

interface Program {
  readonly sha256: Sha256Hex;
  readonly size: number;
  readonly reading: BuildInfoReading;
}

type ImageFiles = FileTree<Program | undefined>;

/** Reads every layer of one platform; all refusals of the content are `ContentRefused`. */
async function readFiles(registry: Registry, { manifest, config }: PlatformImage): Promise<ImageFiles> {
  const tree: ImageFiles = new FileTree();
  let programs = 0;
  for (const [at, layer] of manifest.layers.entries()) {
    const diffId = config.rootfs.diff_ids[at];
    if (!diffId) throw new ContentRefused('oci.manifest-invalid', { where: layer.digest, expected: 'a diff_id' });
    tree.beginLayer();
    await readLayer(registry, layer, diffId, async (entry, body) => {
      const program = entry.kind === 'file' ? await readProgram(entry.path, entry.size, body) : undefined;
      programs += program ? 1 : 0;
      if (programs > MAX_PROGRAMS)
        throw new ContentRefused('oci.limit', { expected: `at most ${MAX_PROGRAMS} programs` });
      tree.apply(entry, program);
    });
  }
  return tree;
}

/** `undefined` for a file that is no program; its bytes are passed over, not kept. */
async function readProgram(path: string, size: number, body: AsyncIterable<Uint8Array>): Promise<Program | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    parts.push(chunk);
    length += chunk.length;
    const judged = length >= 4 && length - chunk.length < 4;
    if (judged && !executableFormat(Buffer.concat(parts))) return undefined;
    if (judged && size > MAX_PROGRAM_BYTES)
      throw new ContentRefused('oci.limit', {
        where: path,
        expected: `a program of at most ${MAX_PROGRAM_BYTES} bytes`,
      });
  }
  if (length < 4) return undefined;
  const bytes = Buffer.concat(parts);
  const sha256 = Sha256Hex.parse(createHash('sha256').update(bytes).digest('hex'));
  const read = (offset: number, count: number) => bytes.subarray(offset, offset + count);
  return { sha256, size, reading: await readBuildInfo({ size: bytes.length, read }) };
}

/** What the image runs and holds, and which of it cannot be judged. */
export async function inspectImage(
  registry: Registry,
  platform: PlatformRef,
): Promise<{ inspection: ImageInspection; reasons: Refusal[] }> {
  const image = await readPlatformImage(registry, platform.digest);
  if (platformName(image.config) !== platform.name)
    throw new ContentRefused('oci.platform-mismatch', { expected: platform.name, found: platformName(image.config) });
  const files = await readFiles(registry, image);
  const programs = files.files().flatMap(([path, program]) => (program ? [{ path, ...program }] : []));
  const runtime = image.config.config ?? {};
  const entrypoint = [...(runtime.Entrypoint ?? []), ...(runtime.Cmd ?? [])];
  const started = startedFile(files, entrypoint[0], runtime.WorkingDir ?? '/');
  const variables = (runtime.Env ?? []).map((variable) => variable.split('=', 1)[0] ?? '');
  const inspection: ImageInspection = {
    platform: platform.name,
    digest: platform.digest,
    binaries: programs.flatMap(({ path, sha256, size, reading }) => {
      if (reading.kind !== 'found') return [];
      const { format: _format, path: importPath, main, deps, ...info } = reading.info;
      return [{ ...info, path, sha256, size, package: importPath, ...(main ? { main } : {}), deps: [...deps] }];
    }),
    unlinked: programs
      .filter(({ reading }) => reading.kind === 'none')
      .map(({ path, sha256, size }) => ({ path, sha256, size })),
    entrypoint,
    ...(started === undefined ? {} : { entrypointFile: started }),
    environment: [
      ...new Set(variables.filter((name) => LOADER_VARIABLES.has(name))),
      ...(files.find(LOADER_FILE) ? [`/${LOADER_FILE}`] : []),
    ],
  };
  return { inspection, reasons: programs.flatMap(({ path, reading }) => unreadable(path, reading)) };
}

/** Only a path with a slash names a file whatever PATH is. */
function startedFile(files: ImageFiles, command: string | undefined, folder: string): string | undefined {
  if (!command?.includes('/')) return undefined;
  const found = files.find(command.startsWith('/') ? command : `${folder}/${command}`);
  return found?.node.kind === 'file' ? found.path : undefined;
}

function unreadable(path: string, reading: BuildInfoReading): Refusal[] {
  if (reading.kind === 'ambiguous')
    return [refusalOf('chain.buildinfo-ambiguous', { where: path, expected: '1', found: String(reading.count) })];
  if (reading.kind === 'malformed')
    return [refusalOf('chain.buildinfo-malformed', { where: path, found: reading.problem })];
  return [];
}

/** Reads the Go programs of one platform out of its layers, every digest recomputed on the way. */
export const inspectBinaries = defineTask({
  step: 'inspect-binaries',
  input: z.strictObject({
    step: z.literal('inspect-binaries'),
    run: RunContext,
    image: EvidenceRef,
    platform: PlatformRef,
  }),
  output: z.strictObject({ check: CheckRecord }),
  async run({ worm, registryOf }: ImageDeps, { run: { tenant }, image, platform }) {
    const record = await loadJsonEvidence(worm, tenant, image, ImageRecord);
    if (!record.platforms.some(({ name, digest }) => name === platform.name && digest === platform.digest))
      throw new Fault('InputInvalid', `${platform.name} ${platform.digest} is no platform of the image`);
    const registry = await registryOf(tenant, record.repository);
    const read = await valueOrRefusal(() => inspectImage(registry, platform));
    const empty: ImageInspection = {
      platform: platform.name,
      digest: platform.digest,
      ...{ binaries: [], unlinked: [], entrypoint: [], environment: [] },
    };
    const { inspection, reasons } = read.kind === 'value' ? read.value : { inspection: empty, reasons: [read.refusal] };
    const check = await keepReport(worm, tenant, {
      check: 'inspect-binaries',
      subjects: [
        {
          name: `${record.repository.host}/${record.repository.name}`,
          digest: { sha256: platform.digest.slice('sha256:'.length) },
        },
      ],
      reasons,
      evidence: [image],
      details: z.json().parse(inspection),
    });
    return { check };
  },
});
