import { createPublicKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { fileLoginStore } from '../adapters/embedded/file-login-store.ts';
import { httpApp } from '../adapters/embedded/http-app.ts';
import { inboxBus } from '../adapters/embedded/inbox-bus.ts';
import { keyFileNoteSigner } from '../adapters/embedded/key-file-note-signer.ts';
import { keyFileSigner } from '../adapters/embedded/key-file-signer.ts';
import { localSecrets } from '../adapters/embedded/local-secrets.ts';
import { allLetters, statusLetters } from '../adapters/embedded/status-letters.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { systemIds } from '../adapters/embedded/system-ids.ts';
import { type WorkflowEngine, workflowEngine } from '../adapters/embedded/workflow-engine/engine.ts';
import { openEgress } from '../adapters/network/egress.ts';
import { httpWitnesses } from '../adapters/network/http-witness.ts';
import { openThreadedZipHasher } from '../adapters/network/threaded-zip-hasher.ts';
import { type Config, type LogConfig, logsOf } from '../core/config.ts';
import type { DeskDeps, Person } from '../core/desk/answer-operator.ts';
import { FAULT_NAMES, Fault } from '../core/faults.ts';
import { dispatchAbandoned, dispatchDue } from '../core/ingest/publish.ts';
import { receiveDelivery } from '../core/ingest/receive.ts';
import type { EntryDraft } from '../core/ledger/entry.ts';
import { groupCommit } from '../core/ledger/group-commit.ts';
import { readLogResource } from '../core/ledger/read.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { DeadLetters } from '../core/ports/dead-letters.ts';
import type { Secrets } from '../core/ports/secrets.ts';
import { type PeopleOf, peopleOf, pseudonymFor } from '../core/privacy/person.ts';
import { judgeStages } from '../core/promotion/judge-stages.ts';
import { COMPENSATING_MACHINES, compensateRun } from '../core/promotion/start-rollback.ts';
import { projectEntries } from '../core/query/project.ts';
import { recordDeadEvent } from '../core/runs/dead-event.ts';
import { requireClaim } from '../core/runs/outcome.ts';
import { recordRunEnd } from '../core/runs/record-run-end.ts';
import { startWorkflow } from '../core/runs/start.ts';
import { startAudit } from '../core/runs/start-audit.ts';
import { startCheckpoint } from '../core/runs/start-checkpoint.ts';
import { sweepRuns } from '../core/runs/sweep.ts';
import type { TakeUpDeps } from '../core/runs/take-up.ts';
import { formatVerifierKey, verifierKeyOf } from '../core/tlog/note.ts';
import { TenantId } from '../events/fields.ts';
import { controlApp, newControlToken, removeServerFile, writeServerFile } from './control.ts';
import type { DataFolder } from './data-folder.ts';
import { readMachines } from './machines.ts';
import { MODULE_DATABASES_PATH, openModuleDatabases } from './module-databases.ts';
import { deskApp } from './promotion-control.ts';
import { startPump } from './pump.ts';
import { openRepositories } from './repositories.ts';
import { openStores, type Stores } from './stores.ts';
import { openTargets } from './targets.ts';
import { bindTasks, type TaskDeps } from './tasks.ts';

export interface ServeOptions {
  readonly folder: DataFolder;
  readonly config: Config;
  readonly passphrase: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Version of the program, kept in each run. */
  readonly version: string;
  readonly clock?: Clock;
  /** One line for the operator: faults by name, never their data. */
  note(line: string): void;
}

export interface RunningServer {
  readonly url: string;
  /** Ends orderly: what is open is taken up by the next start. */
  close(): Promise<void>;
}

const DISPATCH_MS = 500;
const SWEEP_MS = 60_000;
const CHECKPOINT_MS = 1000;
/** How long an orderly end waits for steps at work; what they write later is written by the next process again. */
const CLOSE_MS = 5000;

/** Everything a server is made of, built once from its configuration. */
async function compose(options: ServeOptions) {
  const { folder, config, passphrase, environment, note, clock = systemClock } = options;
  const [signer, noteSigner] = [
    await keyFileSigner(folder.artifactKey, passphrase),
    await keyFileNoteSigner(folder.logKey, passphrase),
  ];
  const stores = openStores(folder);
  const secrets = localSecrets(environment, folder.root);
  const egress = openEgress(config.hosts);
  const hasher = openThreadedZipHasher();
  const repositories = openRepositories({
    ...{ config, folder: folder.root, egress, secrets, clock, heads: stores.heads },
    logins: fileLoginStore(folder.logins),
    hasher,
    moduleLog: stores.moduleLog,
    caches: folder.caches,
  });
  const tenants = config.tenants.map(({ id }) => id);
  const onFault = (fault: unknown) => note(`fault: ${fault instanceof Error ? `${fault.name}: ${fault.message}` : ''}`);
  const group = groupCommit({ ledger: stores.ledger, worm: stores.worm, clock });
  const commits = new Set<(tenant: TenantId) => void>();
  const append = async (tenant: TenantId, drafts: readonly EntryDraft[]) => {
    const appended = await group(tenant, drafts);
    for (const committed of commits) committed(tenant);
    return appended;
  };
  const policies = async (tenant: TenantId): Promise<string | undefined> => {
    const found = config.tenants.find(({ id }) => id === tenant);
    return found && readFile(resolve(folder.root, found.policy), 'utf8');
  };
  const targets = await openTargets({ config, database: stores.database, egress, secrets });
  const workflows: TaskDeps['workflows'] = {
    start: (...asked) => engine.start(...asked),
    sendTaskSuccess: (...answered) => engine.sendTaskSuccess(...answered),
  };
  const keys = { signer, noteSigner, witnessingOf: httpWitnesses(egress, logsOf(config)) };
  const tasks = bindTasks({ config, stores, repositories, ...keys, targets, workflows, clock, append, policies });
  const engine: WorkflowEngine = workflowEngine({
    database: stores.database,
    clock,
    machines: readMachines(),
    faults: FAULT_NAMES,
    compensating: COMPENSATING_MACHINES,
    handlers: tasks.handlers,
    schemas: tasks.schemas,
    codeVersion: options.version,
    random: Math.random,
    onStatus: async ({ machine, name, status, error, cause }) => {
      // Nobody claims an audit: whoever runs the server is told.
      if (machine === 'audit' && status !== 'RUNNING' && status !== 'SUCCEEDED')
        note(`alarm: the audit ${name} ended ${status}: ${error ?? ''}: ${cause ?? ''}`);
      await recordRunEnd(runs, name);
    },
    onFault,
  });
  const { claims, worm } = stores;
  const runs: TakeUpDeps = {
    claims,
    worm,
    append,
    workflows: engine,
    clock,
    compensate: (failed) => compensateRun({ claims, workflows: engine, clock }, failed),
  };
  return {
    config,
    stores,
    secrets,
    egress,
    repositories,
    hasher,
    targets,
    tenants,
    logs: logsOf(config).map(({ id }) => id),
    engine,
    runs,
    tasks,
    append,
    commits,
    signer,
    noteSigner,
    clock,
    onFault,
  };
}
type Composition = Awaited<ReturnType<typeof compose>>;

/**
 * What whoever checks us needs: the verifier key of each log, the policy of those that are witnessed, and the public half
 * of the artifact key as PEM.
 */
async function writePublicKeys(folder: DataFolder, logs: readonly LogConfig[], keys: PublicKeys): Promise<void> {
  const note = await keys.noteSigner.publicKey();
  for (const { id, origin, witnessPolicy } of logs) {
    const verifierKey = formatVerifierKey(verifierKeyOf(origin, note));
    await writeFile(join(folder.keys, `${id}.vkey`), `${verifierKey}\n`);
    if (witnessPolicy !== undefined)
      await writeFile(join(folder.keys, `${id}.tlog-policy`), `log ${verifierKey}\n${witnessPolicy}`);
  }
  const key = createPublicKey({ key: Buffer.from(await keys.signer.publicKey()), format: 'der', type: 'spki' });
  await writeFile(folder.artifactPublicKey, key.export({ format: 'pem', type: 'spki' }));
}
type PublicKeys = Pick<Composition, 'signer' | 'noteSigner'>;

/** Starts `checkpoint` for what was committed, at most once a second for each log. */
function startCheckpoints({ engine, stores, clock, onFault, commits, logs }: Composition) {
  const due = new Map<TenantId, NodeJS.Timeout>();
  const start = async (tenant: TenantId): Promise<void> => {
    due.delete(tenant);
    // A name of its own for each try: the run of an earlier one at this size may have failed.
    await startCheckpoint({ ledger: stores.ledger, workflows: engine }, tenant, String(clock.now()));
  };
  const schedule = (tenant: TenantId): void => {
    if (!due.has(tenant))
      due.set(
        tenant,
        setTimeout(() => void start(tenant).catch(onFault), CHECKPOINT_MS),
      );
  };
  const scheduleAll = (): void => {
    for (const log of logs) schedule(log);
  };
  commits.add(schedule);
  scheduleAll();
  // Witnesses come back, and copies fall due, without a commit.
  const again = setInterval(scheduleAll, SWEEP_MS);
  return () => {
    clearInterval(again);
    commits.delete(schedule);
    for (const timer of due.values()) clearTimeout(timer);
  };
}

/** Looks at what waits for a verdict often enough for the shortest tick that is configured. */
function startJudge({ stores, engine, targets, tenants, config, append, clock, onFault }: Composition) {
  const { waits, worm, claims } = stores;
  const judging = { waits, worm, claims, workflows: engine, metricsOf: targets.metricsOf, append, clock };
  const ticks = config.tenants.flatMap(({ environments }) => environments.map(({ tickSeconds }) => tickSeconds));
  return startPump(
    async () => {
      await judgeStages(judging, tenants);
    },
    Math.min(60, ...ticks) * 250,
    onFault,
  );
}

/** Publishing, starting, projecting and sweeping, each by itself and each poked by the one before it. */
function startPumps(composition: Composition) {
  const { stores, repositories, tenants, logs, engine, runs, append, clock, onFault, commits } = composition;
  const bus = inboxBus(stores.database, clock);
  const start = { deliveries: stores.deliveries, claims: stores.claims, workflows: engine, clock };
  const starter = startPump(
    async () => {
      await bus.dispatch({
        take: async (message) => {
          await startWorkflow(start, message);
        },
        dead: (message, fault) => recordDeadEvent({ deliveries: stores.deliveries, append }, message, fault),
      });
    },
    DISPATCH_MS,
    onFault,
  );
  const publishing = {
    ...repositories,
    tags: stores.tags,
    deliveries: stores.deliveries,
    bus,
    clock,
    ids: systemIds,
    append,
  };
  let abandoned = true;
  const publisher = startPump(
    async () => {
      if (abandoned) await dispatchAbandoned(publishing);
      abandoned = false;
      let count: number;
      do {
        count = (await dispatchDue(publishing)).outcomes.length;
        starter.poke();
      } while (count > 0);
    },
    DISPATCH_MS,
    onFault,
  );
  const projector = startPump(
    async () => {
      for (const tenant of tenants) await projectEntries(stores, tenant);
    },
    SWEEP_MS,
    onFault,
  );
  commits.add(projector.poke);
  const sweeper = startPump(
    async () => {
      await sweepRuns(runs, tenants);
      for (const tenant of logs) await startAudit({ ...stores, workflows: engine, clock }, tenant);
    },
    SWEEP_MS,
    onFault,
  );
  const judge = startJudge(composition);
  const pumps = [publisher, starter, projector, sweeper, judge];
  const letters = allLetters(bus, statusLetters(stores.database));
  const deadLetters: DeadLetters = {
    list: letters.list,
    redrive: async (id) => {
      const redriven = await letters.redrive(id);
      starter.poke();
      return redriven;
    },
  };
  return {
    bus,
    deadLetters,
    publisher,
    pokeAll: () => {
      for (const pump of pumps) pump.poke();
    },
    stop: async () => {
      commits.delete(projector.poke);
      await Promise.all(pumps.map((pump) => pump.stop()));
    },
  };
}

/** How a tenant's people are told apart; nobody of a tenant that is not configured is known. */
export async function configuredPeople(config: Config, secrets: Secrets, tenant: TenantId): Promise<PeopleOf> {
  const found = config.tenants.find(({ id }) => id === tenant);
  return found ? peopleOf(secrets, found) : { tenant, keys: [], places: [] };
}

/** The pseudonym of a person on this machine, among a tenant's people. */
export async function localPerson(
  { persons }: Pick<Stores, 'persons'>,
  people: PeopleOf,
  name: string,
): Promise<Person> {
  const pseudonym = await pseudonymFor(persons, people, { place: 'local', name });
  return { id: pseudonym ?? 'operator', authenticated: 'local' };
}

/** The pseudonym of whoever asked on this machine, among the people of the tenant whose run it is. */
export async function operatorOf(
  stores: Pick<Stores, 'claims' | 'persons'>,
  config: Config,
  secrets: Secrets,
  run: string,
  name: string,
): Promise<Person> {
  const { tenant } = await requireClaim(stores.claims, run);
  return localPerson(stores, await configuredPeople(config, secrets, tenant), name);
}

/** What answers a person of this machine. */
function deskOf(composition: Composition, operator: string): DeskDeps {
  const { stores, secrets, config, runs, targets, tenants } = composition;
  const people = (tenant: TenantId) => configuredPeople(config, secrets, tenant);
  return {
    ...runs,
    ids: systemIds,
    waits: stores.waits,
    ledger: stores.ledger,
    persons: stores.persons,
    raw: stores.erasable,
    workflows: composition.engine,
    environments: targets.environments,
    tenants,
    personOf: async (tenant) => localPerson(stores, await people(tenant), operator),
    peopleOf: people,
  };
}

/** Codes of what audits found and what has not been audited anew without finding anything, by tenant. */
async function standingAudits({ load }: Stores['audits'], tenants: readonly TenantId[]) {
  const found: Record<string, readonly string[]> = {};
  for (const tenant of tenants) {
    const standing = (await load(tenant))?.standing;
    if (standing) found[tenant] = standing.codes;
  }
  return found;
}

/** What those witnesses answered who did not cosign when they were asked last, by log and verifier key. */
async function refusingWitnesses(ledger: Stores['ledger'], logs: readonly TenantId[]) {
  const found: Record<string, Record<string, string>> = {};
  for (const log of logs)
    for (const [key, { answer }] of Object.entries((await ledger.published(log))?.witnesses ?? {}))
      if (answer !== 'cosigned') found[log] = { ...found[log], [key]: answer };
  return found;
}

/** Counts answers by code, for the health page. */
function answerCounts() {
  const counts: Record<string, number> = {};
  return {
    counts,
    answered: ({ code }: { code: string }) => {
      counts[code] = (counts[code] ?? 0) + 1;
    },
  };
}

function listen(app: Hono, { host, port }: Config['listen']) {
  return new Promise<{ url: string; close(): Promise<void> }>((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, ({ port: bound }) => {
      const name = host.includes(':') ? `[${host}]` : host;
      const close = () =>
        new Promise<void>((closed) => {
          server.close(() => closed());
          if ('closeIdleConnections' in server) server.closeIdleConnections();
        });
      resolve({ url: `http://${name}:${bound}`, close });
    });
    server.on('error', (error) =>
      reject(new Fault('ConfigurationInvalid', `cannot listen on ${host}:${port}`, { cause: error })),
    );
  });
}

async function settledWithin(work: Promise<void>, clock: Clock): Promise<void> {
  const enough = new AbortController();
  const limit = clock.sleep(CLOSE_MS, enough.signal).catch(() => undefined);
  await Promise.race([work, limit]);
  enough.abort();
}

/** Starts the embedded server: stores, engine, pumps and the HTTP face, in one process. */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { folder, config } = options;
  const composition = await compose(options);
  const { stores, secrets, egress, engine, logs, clock } = composition;
  await writePublicKeys(folder, logsOf(config), composition);
  const pumps = startPumps(composition);
  const { counts, answered } = answerCounts();
  const receive = {
    ...stores,
    raw: stores.erasable,
    tenants: config.tenants,
    secrets,
    clock,
    ids: systemIds,
    answered,
  };
  const http = httpApp({
    receive: async (request) => {
      const answer = await receiveDelivery(receive, request);
      if (answer.status === 202) pumps.publisher.poke();
      return answer;
    },
    health: async () => {
      const [bus, held] = [pumps.bus.counts(), engine.held().length];
      const audits = await standingAudits(stores.audits, logs);
      const ok = bus.dead === 0 && held === 0 && Object.keys(audits).length === 0;
      return { ok, answers: counts, bus, held, audits, witnesses: await refusingWitnesses(stores.ledger, logs) };
    },
    readLog: async (tenant, path) => {
      const id = TenantId.safeParse(tenant);
      return id.success && logs.includes(id.data) ? readLogResource(stores, id.data, path) : undefined;
    },
    hooks: config.tenants.flatMap(({ sources }) => sources.filter(({ secrets: active }) => active.length > 0)),
  });
  const token = newControlToken();
  const control = controlApp({ token, deadLetters: pumps.deadLetters }).route(
    '/',
    deskApp((operator) => deskOf(composition, operator)),
  );
  const app = new Hono().route('/control', control);
  app.get('/metrics', (context) =>
    context.text(composition.targets.metrics(), 200, { 'content-type': 'text/plain; version=0.0.4' }),
  );
  const targetsApi = composition.targets.api;
  if (targetsApi) app.all('/targets/*', (context) => targetsApi.fetch(context.req.raw));
  const { app: moduleDatabases, verifierKeys } = await openModuleDatabases({
    ...{ config, folder, passphrase: options.passphrase, repositories: composition.repositories },
    ...{ store: composition.stores.moduleLog, heads: composition.stores.heads, clock },
    failed: (error) => options.note(`module database: ${error instanceof Error ? error.name : 'unknown'}`),
  });
  app.route(MODULE_DATABASES_PATH, moduleDatabases);
  for (const [tenant, key] of verifierKeys)
    options.note(`module database of ${tenant}: GOSUMDB="${key} <url>${MODULE_DATABASES_PATH}/${tenant}"`);
  app.route('/', http);
  const server = await listen(app, config.listen);
  await writeServerFile(folder, { url: server.url, token });
  const stopCheckpoints = startCheckpoints(composition);
  engine.resume();
  pumps.pokeAll();
  return {
    url: server.url,
    close: async () => {
      await server.close();
      stopCheckpoints();
      await pumps.stop();
      await engine.close();
      await settledWithin(composition.tasks.settled(), clock);
      await composition.targets.close();
      await composition.hasher.close();
      egress.close();
      await removeServerFile(folder);
      stores.close();
    },
  };
}
