import * as z from 'zod';
import { GitSha, RepositoryRef } from '../../events/fields.ts';
import { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import { EvidenceRef } from '../evidence.ts';

/** What was fetched for one release: the tree's names and hashes, and the two files later checks read. */
export const SourceSnapshot = z.strictObject({
  schema: z.literal('relseal.source-snapshot/1'),
  repository: RepositoryRef,
  /** Of a change: `#` and its number. */
  tag: z.string().min(1).max(255),
  commit: GitSha,
  /** `claimed`: the source cannot show commits, so this one is only what the delivery said. */
  commitResolution: z.enum(['resolved', 'claimed']),
  source: z.enum(['git', 'module-proxy']),
  module: z.strictObject({ path: ModulePath, version: ModuleVersion }),
  /** Folder of the module in the repository; `''` is the root. */
  directory: z.string().max(4096),
  /** Dirhash of the module zip that the go command would make of this tree. */
  zipH1: H1Digest,
  goModH1: H1Digest,
  goMod: EvidenceRef,
  /** Absent: there is no go.sum in the tree. */
  goSum: EvidenceRef.optional(),
  /** `SourceFacts` of the whole tree. Absent in snapshots that were made before there were any. */
  facts: EvidenceRef.optional(),
});
export type SourceSnapshot = z.infer<typeof SourceSnapshot>;

/** A release has a tag, of which none begins with `#`. */
export const isOfChange = ({ tag }: Pick<SourceSnapshot, 'tag'>): boolean => tag.startsWith('#');
