import * as z from 'zod';
import { OciDigest } from '../../events/fields.ts';
import { sha256Hex } from '../evidence.ts';
import { ContentRefused } from './refused.ts';
import { foldKey, parseStrictJson, StrictJsonError } from './strict-json.ts';

/** Documents of an OCI image (image-spec 1.1) and their Docker twins: foreign JSON of which we keep the fields we name. */

const INDEX_TYPES: readonly string[] = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const MANIFEST_TYPES: readonly string[] = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_CHILDREN = 256;
const MAX_LAYERS = 256;

const mediaType = z.string().min(1).max(255);
const word = z.string().min(1).max(64);

export const Platform = z.object({ os: word, architecture: word, variant: word.optional() });
export type Platform = z.infer<typeof Platform>;

export const OciDescriptor = z.object({
  mediaType,
  digest: OciDigest,
  size: z.int().nonnegative(),
  platform: Platform.optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  urls: z.array(z.string()).optional(),
  data: z.string().optional(),
});
export type OciDescriptor = z.infer<typeof OciDescriptor>;

const schemaVersion = z.literal(2);
export const ImageManifest = z.object({
  schemaVersion,
  mediaType: mediaType.optional(),
  config: OciDescriptor,
  layers: z.array(OciDescriptor).max(MAX_LAYERS),
});
export type ImageManifest = z.infer<typeof ImageManifest>;

export const ImageIndex = z.object({
  schemaVersion,
  mediaType: mediaType.optional(),
  manifests: z.array(OciDescriptor).max(MAX_CHILDREN),
});
export type ImageIndex = z.infer<typeof ImageIndex>;

export const ImageConfig = Platform.extend({
  config: z
    .object({
      Env: z.array(z.string()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      WorkingDir: z.string().nullish(),
    })
    .nullish(),
  rootfs: z.object({ type: z.literal('layers'), diff_ids: z.array(OciDigest).max(MAX_LAYERS) }),
});
export type ImageConfig = z.infer<typeof ImageConfig>;

export type ImageDocument =
  | { readonly kind: 'manifest'; readonly mediaType: string; readonly manifest: ImageManifest }
  | { readonly kind: 'index'; readonly mediaType: string; readonly index: ImageIndex };

const DESCRIPTOR_KEYS = ['mediaType', 'digest', 'size', 'platform', 'annotations', 'urls', 'data', 'artifactType'];
const KNOWN_KEYS = [
  ...DESCRIPTOR_KEYS,
  ...['schemaVersion', 'config', 'layers', 'manifests', 'subject'],
  ...['os', 'architecture', 'variant', 'rootfs', 'diff_ids'],
];
const RUNTIME_KEYS = ['Env', 'Entrypoint', 'Cmd', 'WorkingDir'];
/** Maps whose keys are free text. */
const FREE_MAPS = new Set(['annotations', 'Labels', 'ExposedPorts', 'Volumes']);

/** Go would read `Layers` as `layers`: a key that folds to a known one must be it, byte for byte. */
function refuseLookalikes(value: unknown, known: readonly string[], where: string): void {
  if (Array.isArray(value)) for (const item of value) refuseLookalikes(item, known, where);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const exact = new Map(known.map((key) => [foldKey(key), key]));
  for (const [key, member] of Object.entries(value)) {
    const meant = exact.get(foldKey(key));
    if (meant !== undefined && meant !== key) throw invalid(where, `key ${meant}`, `key ${key}`);
    if (!FREE_MAPS.has(key)) refuseLookalikes(member, known, where);
  }
}

const invalid = (where: string, expected: string, found?: string): ContentRefused =>
  new ContentRefused('oci.manifest-invalid', { where, expected, ...(found ? { found } : {}) });

function parseForeign<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalid(where, 'a document of the image specification', z.prettifyError(parsed.error));
  return parsed.data;
}

function readJson(bytes: Uint8Array, where: string): object {
  try {
    const value = parseStrictJson(bytes, { maxBytes: MAX_MANIFEST_BYTES });
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    if (error instanceof StrictJsonError) throw invalid(where, 'JSON that is read in one way', error.message);
    throw error;
  }
  throw invalid(where, 'a JSON object');
}

/** A manifest or an index, never both; `served` is what the registry called it. */
export function parseImageDocument(bytes: Uint8Array, served: string, where: string): ImageDocument {
  const value = readJson(bytes, where);
  refuseLookalikes(value, KNOWN_KEYS, where);
  const isIndex = 'manifests' in value;
  if (isIndex && ('layers' in value || 'config' in value)) throw invalid(where, 'a manifest or an index', 'both');
  const document = isIndex
    ? { kind: 'index' as const, mediaType: served, index: parseForeign(ImageIndex, value, where) }
    : { kind: 'manifest' as const, mediaType: served, manifest: parseForeign(ImageManifest, value, where) };
  const written = document.kind === 'index' ? document.index.mediaType : document.manifest.mediaType;
  if (written !== undefined && written !== served) throw invalid(where, `mediaType ${served}`, written);
  if (!(isIndex ? INDEX_TYPES : MANIFEST_TYPES).includes(served))
    throw invalid(where, isIndex ? 'the media type of an index' : 'the media type of a manifest', served);
  const descriptors =
    document.kind === 'index' ? document.index.manifests : [document.manifest.config, ...document.manifest.layers];
  for (const descriptor of descriptors) refuseWrongData(descriptor, where);
  return document;
}

/** `data` repeats the content inline; a reader that prefers it must see the same bytes. */
function refuseWrongData({ data, digest, size }: OciDescriptor, where: string): void {
  if (data === undefined) return;
  const bytes = Buffer.from(data, 'base64');
  if (bytes.toString('base64') !== data || bytes.length !== size || `sha256:${sha256Hex(bytes)}` !== digest)
    throw invalid(where, `data of ${digest}`, 'other bytes');
}

export function parseImageConfig(bytes: Uint8Array, where: string): ImageConfig {
  const value = readJson(bytes, where);
  refuseLookalikes({ ...value, config: undefined, history: undefined }, KNOWN_KEYS, where);
  if ('config' in value) refuseLookalikes(value.config, RUNTIME_KEYS, where);
  return parseForeign(ImageConfig, value, where);
}

/** `linux/amd64` or `linux/arm/v7`; arm64's only variant is left out, as builders do or do not write it. */
export const platformName = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant && !(architecture === 'arm64' && variant === 'v8') ? [variant] : [])].join('/');
