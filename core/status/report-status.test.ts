import { describe, expect, it } from 'vitest';
import { GitSha, Sha256Hex, TenantId } from '../../events/fields.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { type CheckRecord, keepReport } from '../check.ts';
import { keepJsonEvidence } from '../evidence.ts';
import { decideGate } from '../gate/decide-gate.ts';
import type { StatusReport } from '../ports/commit-status.ts';
import { type RunContext, runTask } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import { reportStatus } from './report-status.ts';

const tenant = TenantId.parse('acme');
const commit = GitSha.parse('a'.repeat(40));
const run: RunContext = {
  tenant,
  businessKey: Sha256Hex.parse('b'.repeat(64)),
  machine: 'change-check',
  name: 'run-1',
};
const subject = { kind: 'change', host: 'git.example.com', repository: 'acme/app', number: '7', base: 'main', commit };
const POLICY = `schema: relseal.policy/1
name: p
gates: { change: { rules: [{ id: r, requires: verify-go-sum, message: m, fix: f, severity: high }] } }`;

function world() {
  const worm = memoryWormStore();
  const told: (StatusReport & { commit: GitSha })[] = [];
  const status = { report: async (of: GitSha, report: StatusReport) => void told.push({ commit: of, ...report }) };
  const report = (verdict: unknown[], about: object = subject, configured = true) =>
    runTask(
      reportStatus,
      { worm, statusOf: () => (configured ? status : undefined) },
      { step: 'report-status', run, subject: about, verdict },
    );
  const decided = async (...reasons: Refusal[]) => {
    const check: CheckRecord = await keepReport(worm, tenant, {
      check: 'verify-go-sum',
      subjects: [],
      reasons,
      evidence: [],
      details: {},
    });
    const deps = { worm, policies: async () => POLICY };
    const payload = { step: 'decide-gate', run, gate: 'change', subject, checks: [check] };
    return (await runTask(decideGate, deps, payload)).verdict;
  };
  return { worm, told, report, decided };
}

describe('report-status', () => {
  it('says first that the checks are under way, then what the verdict says', async () => {
    const { told, report, decided } = world();
    expect(await report([])).toEqual({ reported: true });
    await report([await decided()]);
    await report([await decided({ code: 'gosum.mismatch' }, { code: 'gosum.mismatch' }, { code: 'sumdb.fork' })]);
    expect(told).toEqual([
      { commit, context: 'relseal/change', state: 'pending', description: 'The checks are under way.' },
      { commit, context: 'relseal/change', state: 'passed', description: '1 checks passed.' },
      { commit, context: 'relseal/change', state: 'refused', description: 'Refused: gosum.mismatch, sumdb.fork' },
    ]);
  });

  it('keeps a long refusal within what hosts show', async () => {
    const { told, report, decided } = world();
    await report([await decided(...Array.from({ length: 40 }, (_, at) => ({ code: `gosum.reason-${at}` })))]);
    expect(told[0]?.description).toHaveLength(140);
  });

  it('tells nobody where configuration names nobody', async () => {
    const { told, report } = world();
    expect(await report([], subject, false)).toEqual({ reported: false });
    expect(told).toEqual([]);
  });

  it('never shows the verdict on another commit', async () => {
    const { told, report, decided } = world();
    const other = { ...subject, commit: 'c'.repeat(40) };
    await expect(report([await decided()], other)).rejects.toMatchObject({ name: 'InputInvalid' });
    expect(told).toEqual([]);
  });

  it('faults when the verdict is no verdict', async () => {
    const { worm, report } = world();
    await expect(report([await keepJsonEvidence(worm, tenant, 'verdict', { outcome: 'pass' })])).rejects.toThrow();
  });
});
