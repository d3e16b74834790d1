import { OciDigest, TenantId } from '../events/fields.ts';
import { type Command, DATA_OPTION, EXIT, type Given, type Io, JSON_OPTION, UsageError } from './command.ts';
import { byWhom, findServer, type Server } from './control.ts';
import { dataFolder } from './data-folder.ts';
import { deploymentIn, SERVER_OPTION } from './deployment.ts';
import { askForApproval, askForPromotion, askForStop } from './promotion-control.ts';

/** Promotions live in the server: its metrics are watched and its target is changed, so nothing is done without one. */
async function serverOf(given: Given, io: Io): Promise<Server> {
  const server = deploymentIn(given, io) ?? (await findServer(dataFolder(given.required('data'))));
  if (!server) throw new UsageError('no server runs on this data folder; start it with relseal serve');
  return server;
}

function only(given: Given, what: string): string {
  const [value, ...more] = given.positionals;
  if (value === undefined || more.length > 0) throw new UsageError(`name one ${what}`);
  return value;
}

function say(given: Given, io: Io, answer: { readonly kind: string; readonly code?: string }, text: string) {
  io.out(given.flag('json') ? JSON.stringify(answer) : text);
  return answer.kind === 'refused' ? EXIT.refused : EXIT.done;
}

/** `host/path@sha256:…`: a tag may move between the question and the answer. */
function imageOf(text: string) {
  const [, host, repository, digest] = /^([^/@]+)\/([^@]+)@(sha256:.+)$/.exec(text) ?? [];
  const read = OciDigest.safeParse(digest);
  if (host === undefined || repository === undefined || !read.success)
    throw new UsageError('name the image by its digest: HOST/REPO@sha256:…');
  return { host, repository, digest: read.data };
}

function tenantOf(text: string | undefined): TenantId | undefined {
  if (text === undefined) return undefined;
  const read = TenantId.safeParse(text);
  if (!read.success) throw new UsageError(`${text} is no tenant`);
  return read.data;
}

const WHY: Readonly<Record<string, string>> = {
  'promotion.environment-unknown': 'the tenant has no such environment',
  'promotion.repository-not-allowed': 'this environment does not take images of this repository',
  'promotion.too-many-attempts': 'this digest was tried here too often',
  'tenant.unknown': 'name one of the configured tenants with --tenant',
  'approval.not-open': 'nobody is asked to approve this run now',
  'approval.own-request': 'whoever asked for a promotion cannot approve it',
  'approval.already-given': 'your approval is on the ledger already',
  'approval.unknown-run': 'no such run',
  'run.unknown': 'no such run',
  'run.ended': 'the run has ended already',
};
const refusal = (code: string): string => `refused: ${code} (${WHY[code] ?? 'see the ledger'})`;

export const promoteCommand: Command = {
  name: 'promote',
  summary: 'ask for the promotion of a signed image to an environment',
  positionals: 'HOST/REPO@sha256:DIGEST',
  options: {
    ...DATA_OPTION,
    ...SERVER_OPTION,
    environment: { type: 'string', value: 'NAME', help: 'where it goes' },
    tenant: { type: 'string', value: 'ID', help: 'whose image; not needed where there is one tenant' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    const image = imageOf(only(given, 'image'));
    const tenant = tenantOf(given.text('tenant'));
    const server = await serverOf(given, io);
    const answer = await askForPromotion(server, {
      ...image,
      ...(tenant === undefined ? {} : { tenant }),
      environment: given.required('environment'),
      ...byWhom(server),
    });
    const text =
      answer.kind === 'refused'
        ? refusal(answer.code)
        : `${answer.runName} ${answer.kind === 'started' ? 'started' : 'is under way already'}`;
    return say(given, io, answer, text);
  },
};

export const approveCommand: Command = {
  name: 'approve',
  summary: 'approve a promotion that waits for it, or refuse it',
  positionals: 'RUN',
  options: {
    ...DATA_OPTION,
    ...SERVER_OPTION,
    refuse: { type: 'boolean', help: 'refuse instead; one refusal ends the promotion' },
    reason: { type: 'string', value: 'TEXT', help: 'why; kept as evidence beside the entry' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    const run = only(given, 'run');
    const decision = given.flag('refuse') ? 'refused' : 'approved';
    const reason = given.text('reason');
    const server = await serverOf(given, io);
    const answer = await askForApproval(server, {
      run,
      decision,
      ...(reason === undefined ? {} : { reason }),
      ...byWhom(server),
    });
    if (answer.kind === 'refused') return say(given, io, answer, refusal(answer.code));
    const waiting = answer.missing > 0 ? `; ${answer.missing} more needed` : '';
    return say(given, io, answer, `${run} ${decision}${waiting}`);
  },
};

export const stopCommand: Command = {
  name: 'stop',
  summary: 'stop a run; a promotion that is stopped is rolled back',
  positionals: 'RUN',
  options: { ...DATA_OPTION, ...SERVER_OPTION, ...JSON_OPTION },
  run: async (given, io) => {
    const run = only(given, 'run');
    const server = await serverOf(given, io);
    const answer = await askForStop(server, { run, ...byWhom(server) });
    return say(given, io, answer, answer.kind === 'refused' ? refusal(answer.code) : `${run} stopped`);
  },
};
