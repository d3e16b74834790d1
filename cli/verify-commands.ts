import { stat } from 'node:fs/promises';
import type { ModulePolicy } from '../core/modpolicy/module-policy.ts';
import { type Command, DATA_OPTION, type Given, type Io, JSON_OPTION, UsageError } from './command.ts';
import { type GoSettings, goSettingsOf, readGoVariables } from './go-env.ts';
import { checkImage, IMAGE_FIXES, openImage, parseImageReference, readPublicKey } from './image-check.ts';
import { readBase } from './module-base.ts';
import { checkModules, moduleFixes } from './module-check.ts';
import { readModulePolicy } from './module-policy-check.ts';
import { openModuleState } from './module-state.ts';
import { moduleTargetOf } from './module-tree.ts';
import { orUnchecked, showReport } from './report.ts';

export function onlyArgument(given: Given, expected: string): string {
  const [argument, ...more] = given.positionals;
  if (argument === undefined || more.length > 0) throw new UsageError(`name ${expected}`);
  return argument;
}

export const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() === true;

const listed = (text: string | undefined): string[] => (text ?? '').split(',').filter((item) => item !== '');

function hostsIn(text: string | undefined): string[] {
  const hosts = listed(text);
  for (const host of hosts)
    if (!/^[a-z0-9.-]+(?::\d{1,5})?$/.test(host)) throw new UsageError(`--direct-hosts: ${host} is no host`);
  return hosts;
}

const MODULE_OPTIONS = {
  'trust-env': {
    type: 'boolean',
    help: 'let GOPRIVATE, GONOPROXY and GONOSUMDB leave modules out; what is left out makes the exit code 3',
  },
  policy: {
    type: 'string',
    value: 'FILE',
    help: 'judge what the modules are by the section `modules` of this policy; rules that only the service can judge are named',
  },
  modcache: {
    type: 'string',
    value: 'DIR',
    help: 'the module cache to read before a proxy is asked, when it is not that of the go command',
  },
  'direct-hosts': {
    type: 'string',
    value: 'HOST,…',
    help: 'hosts of repositories to read, without a login, where GOPROXY leads to `direct` or GOPRIVATE past it',
  },
  offline: {
    type: 'boolean',
    help: 'ask nobody: what no earlier run recorded and no module cache holds makes the exit code 3',
  },
  data: {
    type: 'string',
    value: 'DIR',
    help: `${DATA_OPTION.data.help}: keeps the database’s newest head there, not with the user`,
  },
  ...JSON_OPTION,
} as const;

const SETTINGS_SUMMARY =
  'GOPROXY, GOSUMDB and the like are read as the go command reads them. They may choose whom to ask, never what is left\n' +
  'out: with GOSUMDB=off, or modules left out as private, the exit code is 3 at best.';

function noteIgnored({ ignored, ownDatabase }: GoSettings, { note }: Io): void {
  for (const name of ignored) {
    const why = name === 'GOAUTH' ? 'no command is run for credentials' : 'it would weaken the check';
    note(`${name} is set and not followed: ${why}`);
  }
  if (ownDatabase) note('GOSUMDB names another checksum database than the public one: it alone is believed');
}

interface Rules {
  /** Absent: what the modules are is not judged. */
  readonly policy?: ModulePolicy;
  /** What the rules compare with, as it was named. */
  readonly base?: string | undefined;
}

/** Checks the modules of one target. */
async function verifyTarget(argument: string, { policy, base }: Rules, given: Given, io: Io) {
  const target = await moduleTargetOf(argument);
  const settings = goSettingsOf(await readGoVariables(io.environment));
  noteIgnored(settings, io);
  const moduleCache = given.text('modcache');
  if (moduleCache !== undefined && !(await isFolder(moduleCache)))
    throw new UsageError(`--modcache ${moduleCache} is no folder`);
  const state = await openModuleState(given.text('data'), io);
  const offline = given.flag('offline');
  try {
    if (offline && !state.tiles)
      throw new UsageError('--offline needs the records of an earlier run: set HOME, as it was then');
    const deps = {
      ...{ settings, offline, state, io, trustEnvironment: given.flag('trust-env'), now: Date.now() },
      directHosts: hostsIn(given.text('direct-hosts')),
      ...(policy ? { policy } : {}),
      ...(moduleCache === undefined ? {} : { moduleCache }),
    };
    const check = async () => {
      const compared = base === undefined ? {} : { base: await readBase(base, argument, io.signal) };
      return checkModules({ ...deps, ...compared }, target);
    };
    const checked = await orUnchecked(check(), argument, moduleFixes(deps), io);
    return showReport({ target: argument, ...checked }, given.flag('json'), io);
  } finally {
    state.close();
  }
}

export const verifyModulesCommand: Command = {
  name: 'verify modules',
  summary:
    'hash every go.sum line again and prove it in the checksum database; vendored code and needed lines too\n\n' +
    SETTINGS_SUMMARY,
  positionals: 'DIR|MODULE@VERSION',
  options: MODULE_OPTIONS,
  run: async (given, io) => {
    const argument = onlyArgument(given, 'one folder or one MODULE@VERSION');
    const file = given.text('policy');
    return verifyTarget(argument, file === undefined ? {} : { policy: await readModulePolicy(file) }, given, io);
  },
};

export const verifyChangeCommand: Command = {
  name: 'verify change',
  summary:
    'judge a checkout before it is merged: its modules, its vendored code, and module policy\n\n' +
    'Without --policy the default rules hold. What is new since --base and would be refused without a review makes the\n' +
    `exit code 3: only the service knows of reviews.\n${SETTINGS_SUMMARY}`,
  positionals: '[DIR]',
  options: {
    ...MODULE_OPTIONS,
    base: {
      type: 'string',
      value: 'REF|DIR',
      help: 'what the rules that compare compare with: a branch, tag or commit of the repository, or a checkout of it',
    },
  },
  run: async (given, io) => {
    const argument = given.positionals.length === 0 ? '.' : onlyArgument(given, 'one folder');
    if (!(await isFolder(argument))) throw new UsageError(`${argument} is no folder: name a checkout`);
    const rules = { policy: await readModulePolicy(given.text('policy')), base: given.text('base') };
    return verifyTarget(argument, rules, given, io);
  },
};

export const verifyImageCommand: Command = {
  name: 'verify image',
  summary:
    'verify the signature of an image, and of each of its platforms, with nothing but a public key\n\n' +
    'A tag is resolved and its digest printed. A layout folder (oci:DIR) has no name: give the one that must have been\n' +
    'signed with --repository, or read it in the answer.',
  positionals: 'HOST/REPO@sha256:…|oci:DIR@sha256:…',
  options: {
    key: { type: 'string', value: 'FILE', help: 'the public key, PEM, got some other way than from the registry' },
    repository: {
      type: 'string',
      value: 'HOST/REPO',
      help: 'for oci:DIR, the repository that the signature must be for',
    },
    'token-host': { type: 'string', value: 'HOST', help: 'the token service, where it is not the registry itself' },
    'content-hosts': { type: 'string', value: 'HOST,…', help: 'hosts that the registry may send us to for content' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    const argument = onlyArgument(given, 'one image');
    const reference = parseImageReference(argument);
    const repository = given.text('repository');
    const isLayout = reference.place.kind === 'layout';
    if (repository !== undefined && !isLayout)
      throw new UsageError('--repository is for oci:DIR; in a registry the reference itself says it');
    const spki = await readPublicKey(given.required('key'));
    const token = given.text('token-host');
    const hosts = { content: listed(given.text('content-hosts')), ...(token === undefined ? {} : { token }) };
    const { registry, close } = openImage(reference, repository, hosts, io.signal);
    try {
      const check = { reference, registry, spki, anyRepository: isLayout && repository === undefined };
      const checked = await orUnchecked(
        checkImage({ ...check, progress: (line) => io.progress(line) }),
        argument,
        IMAGE_FIXES,
        io,
      );
      const digest = 'digest' in checked ? checked.digest : undefined;
      const target =
        typeof reference.target === 'string' || digest === undefined ? argument : `${argument} (${digest})`;
      return showReport({ ...checked, target }, given.flag('json'), io);
    } finally {
      close();
    }
  },
};
