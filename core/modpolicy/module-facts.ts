import * as z from 'zod';
import { GitSha, RepositoryRef, Sha256Hex } from '../../events/fields.ts';
import { EvidenceRef } from '../evidence.ts';
import type { GoModFile } from '../gosum/go-mod.ts';
import { Refusal } from '../verdict.ts';
import { ModulePolicy } from './module-policy.ts';

/** Everything module policy judges by, gathered before and kept as evidence, so that a judgement can be made again. */

const VersionedModule = z.strictObject({ path: z.string().min(1).max(1024), version: z.string().min(1).max(255) });
const text = z.string().max(1024);

/** Code that a build takes in without compiling Go, and what lets Go code reach around its own rules. */
export const BinaryObject = z.strictObject({
  kind: z.enum(['syso', 'assembly', 'ldflags', 'linkname']),
  /** Relative to the module's folder. */
  path: z.string().min(1).max(4096),
  /** Of objects that nobody can read, `.syso`. */
  sha256: Sha256Hex.optional(),
});
export type BinaryObject = z.infer<typeof BinaryObject>;

/** What is known of a release's tree besides its go.mod. */
export const TreeFacts = z.strictObject({
  /** go.work files that the go command would take for this module, by their path in the repository. */
  goWork: z.array(z.string().min(1).max(4096)),
  objects: z.array(BinaryObject),
});
export type TreeFacts = z.infer<typeof TreeFacts>;

/** The newest release of the same module that passed. */
export const LastRelease = z.strictObject({
  tag: z.string().min(1).max(255),
  commit: GitSha,
  /** Modules it was built of, after replacement. */
  modules: z.array(VersionedModule),
  /** Of its go.sum; absent when it had none. */
  goSumSha256: Sha256Hex.optional(),
  /** Absent: its source kept no facts. */
  tree: TreeFacts.optional(),
});
export type LastRelease = z.infer<typeof LastRelease>;

/** What the highest version of a module says of all of them. */
export const LatestModule = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('read'),
    path: text,
    version: text,
    /** Both ends are included. */
    retractions: z.array(z.strictObject({ low: text, high: text, rationale: text.optional() })),
    /** The deprecation its authors wrote. */
    deprecated: text.optional(),
  }),
  /** The source says that there is no version to ask: nothing can be retracted. */
  z.strictObject({ kind: z.literal('none'), path: text }),
  z.strictObject({ kind: z.literal('not-checked'), path: text, why: text }),
]);
export type LatestModule = z.infer<typeof LatestModule>;

/** Binary objects of a dependency that is new or has another version than in the last release. */
export const ChangedModule = z.strictObject({
  module: VersionedModule,
  /** Those that the last release's version did not have; absent: the module could not be read. */
  added: z.array(BinaryObject).optional(),
});
export type ChangedModule = z.infer<typeof ChangedModule>;

/** The zip of a module's tag at its origin, beside what go.sum (and so the proxy) has. */
export const OriginComparison = z.strictObject({
  module: VersionedModule,
  /** As go.sum has it. */
  h1: text,
  origin: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('hashed'), h1: text }),
    z.strictObject({ kind: z.literal('not-checked'), why: text }),
  ]),
});
export type OriginComparison = z.infer<typeof OriginComparison>;

/** Go for one platform, as go.mod would have the go command fetch it. */
export const ToolchainProof = z.strictObject({
  /** `linux/amd64`. */
  platform: text,
  /** As in `1.22.3`. */
  release: text,
  /** Its zip in the checksum database; absent: there is no record. */
  recorded: z.strictObject({ record: z.int().nonnegative(), h1: text }).optional(),
  /** What the module proxy has; absent: nobody looked. */
  served: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('hashed'), h1: text }),
      z.strictObject({ kind: z.literal('absent') }),
      z.strictObject({ kind: z.literal('invalid'), why: text }),
    ])
    .optional(),
});
export type ToolchainProof = z.infer<typeof ToolchainProof>;

/** Of 64 KiB, which is all that is read of a signature. */
const MAX_SIGNATURE_BASE64 = 87_384;

/** What lies where the signature of a publisher is to be, in its own bytes: whoever judges again verifies it again. */
export const PublisherSignature = z.strictObject({
  module: VersionedModule,
  answer: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('found'), base64: z.base64().max(MAX_SIGNATURE_BASE64) }),
    z.strictObject({ kind: z.literal('absent') }),
    z.strictObject({ kind: z.literal('not-checked'), why: text }),
  ]),
});
export type PublisherSignature = z.infer<typeof PublisherSignature>;

/** An approval at the source host; accounts that the policy does not name stay without a name. */
export const RecordedReview = z.strictObject({ commit: GitSha, reviewer: z.string().min(1).max(255).optional() });
export type RecordedReview = z.infer<typeof RecordedReview>;

/** Evidence of kind `module-policy`: the rules, and all they were judged by. Files are named by their own evidence. */
export const ModulePolicyRecord = z.strictObject({
  schema: z.literal('relseal.module-policy/1'),
  policy: ModulePolicy,
  module: VersionedModule,
  repository: RepositoryRef,
  /** Folder of the module in the repository; `''` is the root. */
  directory: z.string().max(4096),
  commit: GitSha,
  /** When it was judged, whole days since 1970-01-01 UTC: ages need no more, and a second attempt sees the same. */
  day: z.int().nonnegative(),
  goMod: EvidenceRef,
  /** Absent: there is no go.sum. */
  goSum: EvidenceRef.optional(),
  /** Modules that are built, before replacement; absent: the requirements of go.mod stand in. */
  buildList: z.array(VersionedModule).optional(),
  /** Lines of go.mod and go.sum that nothing needs; absent: nobody looked. */
  unused: z.array(z.strictObject({ what: text, where: text })).optional(),
  tree: TreeFacts.optional(),
  lastRelease: LastRelease.optional(),
  latest: z.array(LatestModule),
  /** What came up while all this was gathered: `gosum.*`, `sumdb.*`. */
  refusals: z.array(Refusal),
  /** Without a last release there is nothing to compare with. */
  changed: z.array(ChangedModule).optional(),
  origins: z.array(OriginComparison).optional(),
  privatePatterns: z.array(z.string()),
  /** Private modules that are used for the first time, as proxies alone serve them, where two sources are asked for. */
  proxied: z.array(OriginComparison).optional(),
  /** Of versions that are new and that a publisher answers for; absent: nobody looked. */
  publisherSignatures: z.array(PublisherSignature).optional(),
  /** Absent: nobody looked, or go.mod has nothing fetched. */
  toolchains: z.array(ToolchainProof).optional(),
  /** Private modules that a public service turned out to know, and which one. */
  publicSightings: z.array(z.strictObject({ module: VersionedModule, seenAt: text })),
  /** Absent: no source host was asked. */
  reviews: z.array(RecordedReview).optional(),
});
export type ModulePolicyRecord = z.infer<typeof ModulePolicyRecord>;

/** What rules see: the record without its policy, and the files it names. */
export interface ModuleFacts extends Omit<ModulePolicyRecord, 'schema' | 'policy' | 'goMod' | 'goSum'> {
  readonly goModText: string;
  readonly goMod: GoModFile;
  readonly goSum: string;
  readonly goSumSha256?: Sha256Hex | undefined;
}
