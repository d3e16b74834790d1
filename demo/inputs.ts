import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { GitSha, OciDigest } from '../events/fields.ts';

/** The demo's committed inputs, made by `rebuild.sh`: what they are called and what each must lead to. */

const DemoImage = z.strictObject({ digest: OciDigest, size: z.int().positive(), layer: OciDigest });

const DemoFacts = z.strictObject({
  goVersion: z.string(),
  /** Verifier key of the bundled checksum database. */
  verifierKey: z.string(),
  /** Commits of the sample's tags. */
  commits: z.strictObject({
    'v1.0.0': GitSha,
    'v1.0.1': GitSha,
    'v1.0.2': GitSha,
    'v1.0.3': GitSha,
    'v1.0.4': GitSha,
  }),
  images: z.strictObject({ good: DemoImage, rehashed: DemoImage, otherCommit: DemoImage }),
});

/** The sample service: SCM host, repository, module, and what each of its tags is for. */
export const SAMPLE = {
  host: 'git.example.com',
  repository: 'acme/sample',
  module: 'git.example.com/acme/sample',
  tags: {
    good: 'v1.0.0',
    lineEdited: 'v1.0.1',
    lineDeleted: 'v1.0.2',
    /** Good ones, for the run that is killed and for the one whose proxy is down. */
    killed: 'v1.0.3',
    replayed: 'v1.0.4',
  },
  codes: { lineEdited: 'gosum.mismatch', lineDeleted: 'gosum.line-missing' },
  /** The requirement whose go.sum line is edited, deleted, or changed in the build info. */
  requirement: { module: 'git.example.com/acme/flagset', version: 'v1.0.5' },
} as const;

/** Stands in for the public module where there is no network. */
export const STAND_IN = {
  host: 'github.com',
  repository: 'acme/command',
  module: 'git.example.com/acme/command',
  tag: 'v1.0.0',
  /** Claimed by the delivery; a module proxy shows no commits. */
  commit: GitSha.parse('5c6f9b1d0e3a47c2986d1f0b7a4e8352c9d0a1f6'),
} as const;

/** Repositories of the demo's registry, one layout folder each; every one has the tag of the good release. */
export const IMAGES = {
  tag: 'v1.0.0',
  good: { repository: 'acme/sample', folder: 'images/good' },
  flipped: { repository: 'acme/sample-flipped', folder: 'images/flipped', code: 'oci.digest-mismatch' },
  rehashed: { repository: 'acme/sample-rehashed', folder: 'images/rehashed', code: 'chain.module-hash' },
  otherCommit: { repository: 'acme/sample-other-commit', folder: 'images/other-commit', code: 'chain.revision' },
} as const;

export interface DemoInputs extends z.infer<typeof DemoFacts> {
  /** Where the copy is; `folder` of an image is relative to it. */
  readonly root: string;
  /** Bare git folder of the sample. */
  readonly repository: string;
  /** Folder to serve as a module proxy; holds the checksum database below `sumdb/`. */
  readonly proxy: string;
}

/** Position of the layer's byte that is flipped, past the gzip header. */
const FLIPPED_AT = 100_000;

/**
 * Copies the fixtures to `target`, where layouts may be written to, and adds the layout that is like the good one but
 * for one flipped bit in its layer, stored under the digest of the unflipped one.
 */
export function copyDemoInputs(fixtures: string, target: string): DemoInputs {
  cpSync(fixtures, target, { recursive: true });
  const facts = DemoFacts.parse(JSON.parse(readFileSync(join(target, 'inputs.json'), 'utf8')));
  const flipped = join(target, IMAGES.flipped.folder);
  cpSync(join(target, IMAGES.good.folder), flipped, { recursive: true });
  const layer = join(flipped, 'blobs', ...facts.images.good.layer.split(':'));
  const bytes = readFileSync(layer);
  bytes.writeUInt8(bytes.readUInt8(FLIPPED_AT) ^ 1, FLIPPED_AT);
  writeFileSync(layer, bytes);
  return { ...facts, root: target, repository: join(target, 'sample.git'), proxy: join(target, 'proxy') };
}
