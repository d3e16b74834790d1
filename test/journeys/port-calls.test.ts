import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileLoginStore } from '../../adapters/embedded/file-login-store.ts';
import { keyFileNoteSigner } from '../../adapters/embedded/key-file-note-signer.ts';
import { keyFileSigner } from '../../adapters/embedded/key-file-signer.ts';
import { localSecrets } from '../../adapters/embedded/local-secrets.ts';
import { systemClock } from '../../adapters/embedded/system-clock.ts';
import { type WorkflowEngine, workflowEngine } from '../../adapters/embedded/workflow-engine/engine.ts';
import { openEgress } from '../../adapters/network/egress.ts';
import { readConfigFile } from '../../cli/config-file.ts';
import { dataFolder } from '../../cli/data-folder.ts';
import { readMachines } from '../../cli/machines.ts';
import { openRepositories } from '../../cli/repositories.ts';
import { openStores } from '../../cli/stores.ts';
import { openTargets } from '../../cli/targets.ts';
import { bindTasks } from '../../cli/tasks.ts';
import { FAULT_NAMES } from '../../core/faults.ts';
import { plainZipHasher } from '../../core/gosum/zip-hashing.ts';
import { appendEntries } from '../../core/ledger/append.ts';
import type { EntryDraft } from '../../core/ledger/entry.ts';
import type { ClaimRow } from '../../core/ports/claim-store.ts';
import type { NoteSigner } from '../../core/ports/note-signer.ts';
import type { Signer } from '../../core/ports/signer.ts';
import { COMPENSATING_MACHINES, compensateRun } from '../../core/promotion/start-rollback.ts';
import { recordRunEnd } from '../../core/runs/record-run-end.ts';
import { businessKeyOf, RunInput, RunSubject, runNameOf } from '../../core/runs/run-input.ts';
import { IMAGES, SAMPLE } from '../../demo/inputs.ts';
import { OWN_TENANT, REGISTRY_HOST } from '../../demo/setup.ts';
import { TenantId } from '../../events/fields.ts';
import { dyingDatabase } from '../fakes/dying-database.ts';
import { type MortalPlan, mortal } from '../fakes/mortal.ts';
import { contentOf } from './same-content.ts';
import { openWorld, type World } from './world.ts';

/** Every call is tried where there is time for it; elsewhere some, from the first on. */
const STRIDE = Number(process.env.RELSEAL_KILLS ?? 20) >= 200 ? 1 : 23;
const tenant = TenantId.parse(OWN_TENANT);

function deathAtCall(at: number, when: 'before' | 'after'): MortalPlan & { readonly happened: Promise<void> } {
  let die = () => {};
  const happened = new Promise<void>((resolve) => {
    die = resolve;
  });
  const isLast = (call: number) => call === at;
  return { at, when, writes: Number.NEGATIVE_INFINITY, dead: false, calls: 0, isLast, die, happened };
}

interface Keys {
  readonly signer: Signer;
  readonly noteSigner: NoteSigner;
}

/** One process on a world's data folder, from its start to its death or to the end of all runs. */
async function live(
  world: World,
  keys: Keys,
  death: ReturnType<typeof deathAtCall>,
  subject: RunSubject,
): Promise<void> {
  const folder = dataFolder(world.setup.data);
  const stores = openStores(folder);
  const ports = {
    ...stores,
    ledger: mortal(stores.ledger, death),
    worm: mortal(stores.worm, death),
    claims: mortal(stores.claims, death),
    views: mortal(stores.views, death),
    heads: mortal(stores.heads, death),
  };
  const config = await readConfigFile(folder.config);
  const egress = openEgress(config.hosts);
  const secrets = localSecrets({}, folder.root);
  const real = openRepositories({
    config,
    folder: folder.root,
    egress,
    secrets,
    clock: systemClock,
    heads: ports.heads,
    logins: fileLoginStore(folder.logins),
    hasher: plainZipHasher,
    moduleLog: stores.moduleLog,
    caches: folder.caches,
  });
  const registryOf: typeof real.registryOf = async (...named) => mortal(await real.registryOf(...named), death);
  const repositories: typeof real = {
    ...real,
    registryOf,
    registries: (id, host, name) => registryOf(id, { host, name }),
    sourceHosts: (...named) => {
      const found = real.sourceHosts(...named);
      return { ...found, host: mortal(found.host, death) };
    },
    moduleDeps: (id) => {
      const deps = real.moduleDeps(id);
      return { ...deps, modules: mortal(deps.modules, death), database: mortal(deps.database, death) };
    },
  };
  const append = (id: TenantId, drafts: readonly EntryDraft[]) =>
    appendEntries({ ...ports, clock: systemClock }, id, drafts);
  const targets = await openTargets({ config, database: stores.database, egress, secrets });
  const { handlers } = bindTasks({
    config,
    targets,
    workflows: {
      start: (...asked) => engine.start(...asked),
      sendTaskSuccess: (...answered) => engine.sendTaskSuccess(...answered),
    },
    stores: ports,
    repositories,
    signer: mortal(keys.signer, death),
    noteSigner: keys.noteSigner,
    witnessingOf: () => undefined,
    clock: systemClock,
    append,
    policies: () => readFile(folder.policy, 'utf8'),
  });
  const engine: WorkflowEngine = workflowEngine({
    database: dyingDatabase(stores.database, death),
    clock: systemClock,
    machines: readMachines(),
    faults: FAULT_NAMES,
    compensating: COMPENSATING_MACHINES,
    handlers,
    codeVersion: 'test',
    random: () => 0,
    onStatus: async ({ name }) => {
      const { claims, worm } = ports;
      const compensate = (failed: ClaimRow) => compensateRun({ claims, workflows: engine, clock: systemClock }, failed);
      await recordRunEnd({ claims, worm, append, compensate, workflows: engine }, name);
    },
    onFault: () => undefined,
  });
  try {
    engine.resume();
    await start(stores, engine, subject);
    await Promise.race([engine.settled(), death.happened]);
  } finally {
    await engine.close();
    egress.close();
    stores.close();
  }
}

async function start(
  stores: ReturnType<typeof openStores>,
  engine: ReturnType<typeof workflowEngine>,
  subject: RunSubject,
): Promise<void> {
  const machine = subject.kind === 'source' ? 'source-release' : 'image-release';
  const businessKey = businessKeyOf(tenant, subject);
  const runName = runNameOf(machine, businessKey, 0);
  const input = RunInput.parse({ schema: 'relseal.run/1', tenant, businessKey, subject });
  const row = {
    tenant,
    businessKey,
    machine,
    runName,
    replay: 0,
    redrives: 0,
    status: 'running' as const,
    eventId: 'none',
    input,
  };
  await stores.claims.claim({ ...row, claimedAt: '2026-11-25T00:00:00Z' });
  await engine.start(machine, runName, input);
}

const never = () => deathAtCall(Number.POSITIVE_INFINITY, 'before');

const subjectsOf = ({ setup: { inputs } }: World): readonly [RunSubject, RunSubject] => [
  RunSubject.parse({
    kind: 'source',
    host: SAMPLE.host,
    repository: SAMPLE.repository,
    tag: SAMPLE.tags.good,
    commit: inputs.commits[SAMPLE.tags.good],
    resolution: 'resolved',
    generation: 0,
  }),
  RunSubject.parse({
    kind: 'image',
    host: REGISTRY_HOST,
    repository: IMAGES.good.repository,
    tag: IMAGES.tag,
    digest: inputs.images.good.digest,
    generation: 0,
  }),
];

/** What is left when all is done: the ledger's content, how the claims ended, and how often the image was signed. */
async function outcomeOf(world: World) {
  const folder = dataFolder(world.setup.data);
  const stores = openStores(folder);
  try {
    const config = await readConfigFile(folder.config);
    const deps = { folder: folder.root, egress: openEgress([]), secrets: localSecrets({}, ''), clock: systemClock };
    const repositories = openRepositories({
      config,
      ...deps,
      heads: stores.heads,
      logins: fileLoginStore(folder.logins),
      hasher: plainZipHasher,
      moduleLog: stores.moduleLog,
      caches: folder.caches,
    });
    const registry = await repositories.registryOf(tenant, { host: REGISTRY_HOST, name: IMAGES.good.repository });
    return {
      content: await contentOf(stores.ledger, tenant),
      claims: (await stores.claims.list(tenant, { limit: 10 }))
        .map(({ runName, status }) => `${runName} ${status}`)
        .sort(),
      signatures: (await registry.referrers(world.setup.inputs.images.good.digest)).length,
    };
  } finally {
    stores.close();
  }
}

describe('a process that dies at a port call of a machine', () => {
  let first: World;
  let keys: Keys;
  let expected: Awaited<ReturnType<typeof outcomeOf>>;
  /** Port calls of each machine when nothing dies. */
  const calls: number[] = [];
  beforeAll(async () => {
    first = await openWorld();
    const { artifactKey, logKey } = dataFolder(first.setup.data);
    keys = {
      signer: await keyFileSigner(artifactKey, first.setup.passphrase),
      noteSigner: await keyFileNoteSigner(logKey, first.setup.passphrase),
    };
    for (const subject of subjectsOf(first)) {
      const death = never();
      await live(first, keys, death, subject);
      calls.push(death.calls);
    }
    expected = await outcomeOf(first);
  });
  afterAll(() => first.close());

  it('has the baseline of a process that lives', () => {
    expect(expected.claims.every((claim) => claim.endsWith(' passed'))).toBe(true);
    expect(expected.claims).toHaveLength(2);
    expect(expected.signatures).toBe(1);
    expect(Math.min(...calls)).toBeGreaterThan(40);
  });

  for (const [at, machine] of ['source-release', 'image-release'].entries())
    for (const when of ['before', 'after'] as const)
      it(`leaves ${machine} to the next, which ends it the same: ${when}`, { timeout: 300_000 }, async () => {
        for (let call = 0; call < (calls[at] ?? 0); call += STRIDE) {
          const world = await openWorld(first);
          try {
            for (const [position, subject] of subjectsOf(world).entries()) {
              const death = position === at ? deathAtCall(call, when) : never();
              await live(world, keys, death, subject);
              if (death.dead) await live(world, keys, never(), subject);
            }
            expect(await outcomeOf(world), `call ${call}`).toEqual(expected);
          } finally {
            await world.close();
          }
        }
      });
});
