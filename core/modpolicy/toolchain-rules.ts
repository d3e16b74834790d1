import { compareGoVersions } from '../buildlist/module-order.ts';
import { readPlaces } from './go-mod-places.ts';
import { coversGoRelease, fetchedGoRelease, isFinalGoRelease } from './go-release.ts';
import type { ModuleFacts, ToolchainProof } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';
import type { Finding, ModuleRule } from './rule.ts';

/** Which Go a release is built with. */

/** The language version that a go.mod without a go line has. */
const WITHOUT_GO_LINE = '1.16';

function belowFloor({ goMod, goModText }: ModuleFacts, floor: string): Finding[] {
  if (compareGoVersions(goMod.go ?? WITHOUT_GO_LINE, floor) >= 0) return [];
  return [
    {
      where: readPlaces(goModText).first('go'),
      expected: `go ${floor} or higher`,
      found: goMod.go ? `go ${goMod.go}` : 'no go line',
    },
  ];
}

function notAllowed({ goMod, goModText }: ModuleFacts, allow: readonly string[]): Finding[] {
  // `default` is whatever the builder has: no version to judge.
  const named = goMod.toolchain === 'default' ? undefined : goMod.toolchain?.slice('go'.length);
  const version = named ?? goMod.go;
  if (version === undefined) return [];
  const isAllowed =
    allow.length === 0 ? isFinalGoRelease(version) : allow.some((each) => coversGoRelease(each, version));
  if (isAllowed) return [];
  const [where, found] =
    named === undefined
      ? [readPlaces(goModText).first('go'), `go ${version}`]
      : [readPlaces(goModText).first('toolchain'), `toolchain go${named}`];
  return [{ where, expected: allow.length === 0 ? 'a release of Go' : `one of ${allow.join(', ')}`, found }];
}

function pinProblems({ goMod, goModText }: ModuleFacts, { pinned }: ModulePolicy['toolchain']): Finding[] {
  const { go, toolchain } = goMod;
  const where = readPlaces(goModText).first('toolchain');
  if (toolchain === undefined || toolchain === 'default')
    return pinned ? [{ where, expected: 'a toolchain line that names a version', found: toolchain ?? 'none' }] : [];
  if (go === undefined || compareGoVersions(toolchain.slice('go'.length), go) >= 0) return [];
  return [{ where, expected: `go${go} or higher, as the go line says`, found: toolchain }];
}

function proofProblem({ platform, release, recorded, served }: ToolchainProof): Omit<Finding, 'where'> | undefined {
  const what = `go${release} for ${platform}`;
  if (!recorded) return { expected: `a record of ${what} in the checksum database`, found: 'none' };
  if (served?.kind === 'absent')
    return { expected: `the zip of ${what}`, found: 'the module proxy says that there is none' };
  if (served?.kind === 'invalid') return { expected: `the zip of ${what}`, found: `an invalid zip: ${served.why}` };
  return undefined;
}

/** What the go command would fetch must be known to be what everyone gets. A zip that differs refused before. */
function unproved({ goMod, goModText, toolchains }: ModuleFacts, { proved }: ModulePolicy['toolchain']): Finding[] {
  const release = fetchedGoRelease(goMod);
  if (proved.length === 0 || release === undefined) return [];
  const places = readPlaces(goModText);
  const where = places.first(
    places.first('toolchain') === 'go.mod' || goMod.toolchain === 'default' ? 'go' : 'toolchain',
  );
  const known = new Map(toolchains?.map((each) => [each.platform, each]));
  return proved.flatMap((platform) => {
    const proof = known.get(platform);
    const missing = {
      expected: `go${release} for ${platform} looked up in the checksum database`,
      found: 'nobody looked',
    };
    const problem = proof?.release === release ? proofProblem(proof) : missing;
    return problem ? [{ where, ...problem }] : [];
  });
}

const toolchain: ModuleRule = {
  code: 'modpolicy.toolchain',
  title:
    'The go line or the toolchain line names a version of Go that the policy does not take, or that is not proved.',
  fix: 'Run `go mod edit -go=VERSION -toolchain=goVERSION` with a published version that the policy takes.',
  settings: ['toolchain'],
  judge: (facts, policy) => [
    ...belowFloor(facts, policy.toolchain.floor),
    ...notAllowed(facts, policy.toolchain.allow),
    ...pinProblems(facts, policy.toolchain),
    ...unproved(facts, policy.toolchain),
  ],
};

export const TOOLCHAIN_RULES: readonly ModuleRule[] = [toolchain];
