import * as z from 'zod';
import { GitSha } from '../../events/fields.ts';
import { isGoRelease } from './go-release.ts';
import { Publisher } from './publisher.ts';
import { isVersionRange } from './version-range.ts';

/** What a release may be made of, as data: the section `modules` of a policy document. Absent means every default here. */

export const Severity = z.enum(['refuse', 'warn', 'off']);
export type Severity = z.infer<typeof Severity>;

/** A module path pattern as GOPRIVATE has them: it covers the path it matches and everything below. */
const PathPattern = z.string().min(1).max(1024);
const Patterns = z.array(PathPattern).max(1000).default([]);
const Range = z.string().max(255).refine(isVersionRange, 'no version range: write v1.2.3, or >=v1.0.0 <v1.2.0');
const Version = z
  .string()
  .max(255)
  .regex(/^v\d+\.\d+\.\d+(?:[-+].*)?$/);
const GoRelease = z.string().max(64).refine(isGoRelease, 'no Go version: write 1.22 or 1.22.3');
const Reason = z.string().min(1).max(512);
const Person = z.string().min(1).max(255);
const Name = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/);

const plain = (standard: Severity) => z.strictObject({ severity: Severity.default(standard) }).prefault({});
const allowing = (standard: Severity) =>
  z.strictObject({ severity: Severity.default(standard), allow: Patterns }).prefault({});

/** Every key is the last part of a code `modpolicy.<key>`. Findings of tampering have no severity: they refuse. */
export const ModulePolicy = z.strictObject({
  'not-semver': plain('refuse'),
  'pseudo-version': z
    .strictObject({
      severity: Severity.default('refuse'),
      /** Modules that may be required at a commit. */
      allow: Patterns,
      /** How old such a commit may be when the release is judged; absent: any age. */
      maxAgeDays: z.int().min(1).max(36_500).optional(),
    })
    .prefault({}),
  incompatible: allowing('refuse'),
  'replace-directory': z
    .strictObject({
      severity: Severity.default('refuse'),
      /** Directories as the replace line writes them. One outside the repository is never allowed. */
      allow: z.array(z.string().min(1).max(1024)).max(1000).default([]),
    })
    .prefault({}),
  'replace-module': z
    .strictObject({
      severity: Severity.default('refuse'),
      /** `path` may be replaced by a module of `target`, in these versions when any are given. */
      allow: z
        .array(z.strictObject({ path: PathPattern, target: PathPattern, versions: z.array(Range).max(100).optional() }))
        .max(1000)
        .default([]),
    })
    .prefault({}),
  exclude: plain('warn'),
  retracted: allowing('refuse'),
  deprecated: allowing('warn'),
  toolchain: z
    .strictObject({
      severity: Severity.default('refuse'),
      /** The lowest go line. Below 1.17 go.mod does not name every module that is built. */
      floor: GoRelease.default('1.17'),
      /** Go versions to build with; `1.22` covers `1.22.3`. Empty: any release of Go. */
      allow: z.array(GoRelease).max(100).default([]),
      /** Whether go.mod must name its toolchain. */
      pinned: z.boolean().default(false),
      /** Platforms for which the Go that go.mod has fetched must be in the checksum database, as `linux/amd64`. */
      proved: z
        .array(z.string().regex(/^[a-z0-9]{1,32}\/[a-z0-9]{1,32}$/))
        .max(50)
        .default([]),
      /** Whether the zips of those are compared with their records, too; each has some 70 MB. */
      zips: z.boolean().default(false),
    })
    .prefault({}),
  denied: z
    .strictObject({
      severity: Severity.default('refuse'),
      modules: z
        .array(z.strictObject({ path: PathPattern, versions: z.array(Range).max(100).optional(), reason: Reason }))
        .max(10_000)
        .default([]),
    })
    .prefault({}),
  'below-floor': z
    .strictObject({
      severity: Severity.default('refuse'),
      /** `minimum`: that version or a higher one. `exactly`: that one, whatever else is required. */
      modules: z
        .array(
          z.union([
            z.strictObject({ path: z.string().min(1).max(1024), minimum: Version }),
            z.strictObject({ path: z.string().min(1).max(1024), exactly: Version }),
          ]),
        )
        .max(10_000)
        .default([]),
    })
    .prefault({}),
  'case-collision': plain('refuse'),
  'binary-object': allowing('warn'),
  'go-work': z
    .strictObject({
      severity: Severity.default('refuse'),
      /** Workspace files that are meant to be there, by their path in the repository. */
      declared: z.array(z.string().min(1).max(4096)).max(100).default([]),
    })
    .prefault({}),
  'go-sum-changed': plain('warn'),
  'unused-requirement': plain('warn'),
  'h2-line': plain('warn'),
  'origin-diverged': z.strictObject({ compare: z.boolean().default(false) }).prefault({}),
  'origin-not-checked': plain('warn'),
  /** `ask`: the checksum database is asked for private modules, which tells their names. */
  'private-from-public': z.strictObject({ ask: z.boolean().default(false) }).prefault({}),
  'first-use': z
    .strictObject({
      severity: Severity.default('warn'),
      /** Private module versions that a person has looked at. */
      approved: z
        .array(z.strictObject({ path: z.string().min(1).max(1024), version: Version, by: Person, reason: Reason }))
        .max(10_000)
        .default([]),
      /** Whether it is enough that a proxy and the origin, each asked for itself, hold what go.sum says. */
      twoSources: z.boolean().default(false),
    })
    .prefault({}),
  'publisher-signature': z
    .strictObject({
      severity: Severity.default('refuse'),
      /** Whose signatures count. One that is bad refuses, required or not. */
      publishers: z.array(Publisher).max(100).default([]),
    })
    .prefault({}),
  permission: z
    .strictObject({
      severity: Severity.default('refuse'),
      /** Which repositories (`host/name`, patterns) a team has. */
      teams: z.record(Name, z.array(PathPattern).min(1).max(1000)).default({}),
      /** Without grants nothing is asked; with one, what no grant allows is refused. */
      grants: z
        .array(
          z.strictObject({
            teams: z.array(Name).min(1).max(100),
            may: z
              .array(z.enum(['publish', 'fetch']))
              .min(1)
              .max(2),
            modules: z.array(PathPattern).min(1).max(1000),
          }),
        )
        .max(1000)
        .default([]),
    })
    .refine(
      ({ teams, grants }) => grants.every((grant) => grant.teams.every((team) => Object.hasOwn(teams, team))),
      'a grant names a team that is not under teams',
    )
    .prefault({}),
  /** Who counts as a reviewer; empty: anyone the source host names, save the author. */
  reviewers: z.array(Person).max(1000).default([]),
  /** Reviews that the source host does not know of; each is of one commit. */
  reviewed: z
    .array(z.strictObject({ commit: GitSha, reviewer: Person, reason: Reason }))
    .max(1000)
    .default([]),
});
export type ModulePolicy = z.infer<typeof ModulePolicy>;

/** Rules whose severity a policy may set. */
export type RuleName = {
  [Name in keyof ModulePolicy]: ModulePolicy[Name] extends { readonly severity: Severity } ? Name : never;
}[keyof ModulePolicy];
