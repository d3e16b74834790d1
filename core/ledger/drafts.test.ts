import { describe, expect, it } from 'vitest';
import { GitSha, TenantId } from '../../events/fields.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryClaimStore } from '../../test/fakes/memory-claim-store.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { type CheckRecord, keepReport } from '../check.ts';
import { keepJsonEvidence } from '../evidence.ts';
import { businessKeyOf, RunSubject } from '../runs/run-input.ts';
import { RunContext, runTask } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import { draftsOf } from './drafts.ts';
import { encodeEntry, MAX_ENTRY_BYTES, parseEntry } from './entry.ts';
import type { LedgerRecord } from './record.ts';
import { appendLedger } from './task.ts';

const TENANT = TenantId.parse('acme');
const COMMIT = GitSha.parse('ff3602bb5b46ae73604d614c39b822f4d03e73e0');
const subject = RunSubject.parse({
  kind: 'source',
  host: 'github.com',
  repository: 'acme/sample',
  tag: 'v1.0.0',
  commit: COMMIT,
  resolution: 'resolved',
  generation: 0,
});
const businessKey = businessKeyOf(TENANT, subject);
const run = RunContext.parse({ tenant: TENANT, businessKey, machine: 'source-release', name: 'source-release-1' });
const TRACE = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
const ACTOR = { id: 'a'.repeat(64), authenticated: 'webhook' };

async function world() {
  const worm = memoryWormStore();
  const claims = memoryClaimStore();
  const ledger = memoryLedgerStore();
  await claims.claim({
    tenant: TENANT,
    businessKey,
    machine: run.machine,
    runName: run.name,
    replay: 0,
    redrives: 0,
    status: 'running',
    claimedAt: '2026-01-02T03:04:05.000Z',
    eventId: 'e1',
    traceparent: TRACE,
    actor: ACTOR,
    input: { schema: 'relseal.run/1', tenant: TENANT, businessKey, subject },
  });
  const report = (reasons: readonly Refusal[], change?: { commit?: string }): Promise<CheckRecord> =>
    keepReport(worm, TENANT, {
      check: 'verify-go-sum',
      subjects: [{ name: 'example.com/a@v1.0.0', digest: { goModuleH1: 'ab' } }],
      reasons: [...reasons],
      evidence: [],
      ...(change ? { change } : {}),
      details: {},
    });
  const draft = async (record: LedgerRecord, over = run) => {
    const [only] = await draftsOf({ worm, claims }, over, 'Record the check', [record]);
    if (!only) throw new Error('no draft');
    return only;
  };
  return { worm, claims, ledger, report, draft };
}
const checkOf = (check: CheckRecord): LedgerRecord => ({ kind: 'check', step: 'verify-go-sum', check });

describe('the drafts of a run', () => {
  it('say what the evidence and the claim say, not what the record says', async () => {
    const { report, draft } = await world();
    const record = await report([{ code: 'gosum.mismatch', where: 'go.sum:3' }]);
    expect((await draft(checkOf({ ...record, outcome: 'pass' }))).content).toMatchObject({
      kind: 'check',
      outcome: 'refuse',
      reasons: [{ code: 'gosum.mismatch', where: 'go.sum:3' }],
      reasonsTotal: 1,
      release: { kind: 'source', id: 'github.com/acme/sample@v1.0.0' },
      change: { commit: COMMIT },
      actor: ACTOR,
      trace: [TRACE],
      run: { workflow: 'source-release', name: 'source-release-1', state: 'Record the check' },
      evidence: [record.report],
    });
  });

  it('have a key for each step, kind, place in a Map and replay, and none for a state’s name', async () => {
    const { report, draft, worm, claims } = await world();
    const record = await report([]);
    const keys = [
      (await draft(checkOf(record))).key,
      (await draft({ kind: 'check', step: 'verify-go-sum', check: record, mapIndex: 0 })).key,
      (await draft({ kind: 'check', step: 'verify-go-sum', check: record, mapIndex: 1 })).key,
      (await draft(checkOf(record), { ...run, name: `${run.name}-r1` })).key,
      (await draft({ kind: 'release.claimed', step: 'claim-release', subject })).key,
    ];
    expect(new Set(keys).size).toBe(keys.length);
    const [renamed] = await draftsOf({ worm, claims }, run, 'Another name', [checkOf(record)]);
    expect(renamed?.key).toBe(keys[0]);
  });

  it.each([
    ['many', 500, 'go.sum:3'],
    ['long', 20, 'é'.repeat(1000)],
    ['a few long', 3, '\u0001'.repeat(1024)],
  ])('fit into an entry with %s reasons, which stay countable', async (_, count, text) => {
    const { report, draft } = await world();
    const reasons = Array.from({ length: count }, (__, at) => ({
      code: `gosum.code-${at}`,
      where: text.slice(0, 1024),
      expected: text.slice(0, 1024),
      found: text.slice(0, 1024),
    }));
    const { content } = await draft(checkOf(await report(reasons)));
    expect(content.reasonsTotal).toBe(count);
    expect(content.reasons?.[0]?.code).toBe('gosum.code-0');
    expect(content.reasons?.length).toBeLessThanOrEqual(20);
    const link = { index: Number.MAX_SAFE_INTEGER, leaf: businessKey };
    const bytes = encodeEntry({
      ...content,
      schema: 'relseal.entry/1',
      tenant: TENANT,
      at: '2026-01-02T03:04:05.000Z',
      prev: link,
    });
    expect(bytes.length).toBeLessThanOrEqual(MAX_ENTRY_BYTES);
  });

  it('list at most 32 subjects and pieces of evidence', async () => {
    const { worm, draft } = await world();
    const evidence = await Promise.all(
      Array.from({ length: 40 }, (_, at) => keepJsonEvidence(worm, TENANT, 'sbom', { at })),
    );
    const record = await keepReport(worm, TENANT, {
      check: 'verify-go-sum',
      subjects: Array.from({ length: 40 }, (_, at) => ({ name: `m${at}`, digest: { sha256: 'ab' } })),
      reasons: [],
      evidence,
      details: {},
    });
    const { content } = await draft(checkOf(record));
    expect([content.subjects?.length, content.evidence?.length]).toEqual([32, 32]);
    expect(content.evidence?.[0]).toEqual(record.report);
  });

  it('refuse a report of another step', async () => {
    const { report, draft } = await world();
    const record = await report([]);
    for (const bad of [
      { kind: 'check' as const, step: 'make-source-sbom', check: record },
      checkOf({ ...record, check: 'make-source-sbom' }),
    ])
      await expect(draft(bad)).rejects.toThrow(expect.objectContaining({ name: 'InputInvalid' }));
  });

  it('refuse evidence that is gone or was changed', async () => {
    const { worm, report, draft } = await world();
    const record = await report([]);
    const [name = ''] = [...worm.objects.keys()].filter((object) => object.endsWith(record.report.sha256));
    const bytes = worm.objects.get(name) ?? new Uint8Array();
    worm.objects.set(
      name,
      Uint8Array.from(bytes, (byte, at) => (at === 9 ? byte ^ 1 : byte)),
    );
    await expect(draft(checkOf(record))).rejects.toThrow(expect.objectContaining({ name: 'EvidenceMissing' }));
    worm.objects.delete(name);
    await expect(draft(checkOf(record))).rejects.toThrow(expect.objectContaining({ name: 'EvidenceMissing' }));
  });

  it('refuse a verdict on another subject or of another gate', async () => {
    const { worm, draft } = await world();
    const verdict = await keepJsonEvidence(worm, TENANT, 'verdict', {
      schema: 'relseal.verdict/1',
      gate: 'source',
      subject,
      outcome: 'refuse',
      reasons: [{ code: 'policy.missing' }],
      checks: [],
    });
    const record = { kind: 'verdict' as const, step: 'decide-gate', gate: 'source' as const, subject, verdict };
    expect((await draft(record)).content).toMatchObject({ kind: 'verdict', outcome: 'refuse', reasonsTotal: 1 });
    const moved = { ...subject, generation: 1 };
    for (const bad of [
      { ...record, gate: 'sign' as const },
      { ...record, subject: moved },
    ])
      await expect(draft(bad)).rejects.toThrow(expect.objectContaining({ name: 'InputInvalid' }));
  });

  it('refuse a signature over another digest', async () => {
    const { worm, draft } = await world();
    const digest = `sha256:${'d'.repeat(64)}`;
    const image = RunSubject.parse({
      kind: 'image',
      host: 'r.example.com',
      repository: 'acme/app',
      digest,
      generation: 0,
    });
    const signature = await keepJsonEvidence(worm, TENANT, 'signature', {
      schema: 'relseal.signature/1',
      repository: { host: 'r.example.com', name: 'acme/app' },
      digest,
      manifestDigest: `sha256:${'e'.repeat(64)}`,
      bundleSha256: 'f'.repeat(64),
      keyId: 'a'.repeat(64),
      platforms: [],
    });
    const record = { kind: 'signature' as const, step: 'sign-artifact', subject: image, signature };
    expect((await draft(record)).content).toMatchObject({
      outcome: 'info',
      subjects: [{ digest: { sha256: 'd'.repeat(64) } }],
    });
    const other = RunSubject.parse({ ...image, digest: `sha256:${'0'.repeat(64)}` });
    for (const bad of [
      { ...record, subject: other },
      { ...record, subject },
    ])
      await expect(draft(bad)).rejects.toThrow(expect.objectContaining({ name: 'InputInvalid' }));
  });

  it('are appended once, however often the step runs', async () => {
    const { worm, claims, ledger, report } = await world();
    const deps = { worm, claims, ledger, clock: fixedClock() };
    const payload = {
      step: 'append-ledger',
      run,
      state: 'Record the check',
      records: [{ kind: 'release.claimed', step: 'claim-release', subject }, checkOf(await report([]))],
    };
    const first = await runTask(appendLedger, deps, payload);
    expect(await runTask(appendLedger, deps, payload)).toEqual(first);
    const entries = (await ledger.entries(TENANT, 0, 10)).map(parseEntry);
    expect(entries.map(({ kind, prev }) => [kind, prev?.index])).toEqual([
      ['release.claimed', undefined],
      ['check', 0],
    ]);
    await expect(runTask(appendLedger, deps, { ...payload, records: [] })).rejects.toThrow(
      expect.objectContaining({ name: 'InputInvalid' }),
    );
  });
});
