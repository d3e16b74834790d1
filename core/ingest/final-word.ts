import * as z from 'zod';
import { holdsStatements, IMAGE_CONFIG_TYPES, INDEX_TYPES } from './artifact.ts';

const Manifest = z.looseObject({
  mediaType: z.string().optional(),
  subject: z.unknown().optional(),
  manifests: z.array(z.unknown()).optional(),
  config: z.looseObject({ mediaType: z.string() }).optional(),
  layers: z.array(z.looseObject({ mediaType: z.string() })).optional(),
});

/**
 * The last of the loop rules, from the manifest's own bytes: with a `subject`, or nothing but signatures and statements
 * inside, it is a referrer; with a configuration that is not an image's it is something else.
 */
export function judgeManifest(bytes: Uint8Array): 'image' | 'referrer' | 'other' {
  const manifest = Manifest.safeParse(parseManifest(bytes)).data;
  if (!manifest) return 'other';
  if (manifest.subject !== undefined) return 'referrer';
  if (manifest.manifests || INDEX_TYPES.includes(manifest.mediaType ?? '')) return 'image';
  const references = [manifest.config, ...(manifest.layers ?? [])].map((one) => one?.mediaType ?? '');
  if (holdsStatements(references)) return 'referrer';
  return IMAGE_CONFIG_TYPES.includes(references[0] ?? '') ? 'image' : 'other';
}

function parseManifest(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
