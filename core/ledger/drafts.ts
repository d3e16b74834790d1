import type { TenantId } from '../../events/fields.ts';
import { canonicalJson } from '../canonical-json.ts';
import { loadReport, type Subject } from '../check.ts';
import { type EvidenceRef, loadJsonEvidence } from '../evidence.ts';
import { assertNever, Fault } from '../faults.ts';
import { VerdictRecord } from '../gate/verdict.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { RunInput, type RunSubject, releaseIdOf } from '../runs/run-input.ts';
import { SignatureRecord } from '../signing/signature-record.ts';
import type { RunContext } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import { checkDrafts } from './append.ts';
import { type EntryContent, type EntryDraft, entryKeyOf, MAX_ENTRY_REASONS, replayOfRun } from './entry.ts';
import type { LedgerRecord } from './record.ts';

export interface DraftDeps {
  readonly worm: WormStore;
  /** Where the run's release, actor and trace are known from. */
  readonly claims: Pick<ClaimStore, 'get'>;
}

const LISTED = 32;

/** The release's own subject: a commit, or a digest. */
export function subjectOf(subject: RunSubject): Subject {
  if ('commit' in subject) return { name: releaseIdOf(subject), digest: { gitCommit: subject.commit } };
  const tag = subject.kind === 'promotion' || subject.tag === undefined ? '' : `:${subject.tag}`;
  return {
    name: `${subject.host}/${subject.repository}${tag}`,
    digest: { sha256: subject.digest.slice('sha256:'.length) },
  };
}

/** The release an entry of a run belongs to, and where it goes when that is what the run is about. */
const releaseOf = (subject: RunSubject): Pick<EntryContent, 'release' | 'environment'> => ({
  release: { kind: 'commit' in subject ? subject.kind : 'image', id: releaseIdOf(subject) },
  ...(subject.kind === 'promotion' ? { environment: subject.environment } : {}),
});

const commitOf = (commit: string | undefined): Pick<EntryContent, 'change'> =>
  commit === undefined ? {} : { change: { commit } };

/** What every entry of a run says of its subject. */
export const subjectFacts = (
  subject: RunSubject,
): Pick<EntryContent, 'release' | 'environment' | 'change' | 'subjects'> => ({
  ...releaseOf(subject),
  ...commitOf('commit' in subject ? subject.commit : undefined),
  subjects: [subjectOf(subject)],
});

const some = <Name extends string, T>(name: Name, values: readonly T[]): { [K in Name]?: T[] } => {
  const fields: { [K in Name]?: T[] } = {};
  if (values.length > 0) fields[name] = values.slice(0, LISTED);
  return fields;
};

const reasonsOf = (reasons: readonly Refusal[]): Pick<EntryContent, 'reasons' | 'reasonsTotal'> =>
  reasons.length === 0 ? {} : { reasons: reasons.slice(0, MAX_ENTRY_REASONS), reasonsTotal: reasons.length };

type Facts = Omit<EntryContent, 'kind' | 'run'>;

async function checkFacts(
  { worm }: DraftDeps,
  tenant: TenantId,
  record: Extract<LedgerRecord, { kind: 'check' }>,
  release: RunSubject | undefined,
): Promise<Facts> {
  const report = await loadReport(worm, tenant, record.check);
  if (report.check !== record.check.check || report.check !== record.step)
    throw new Fault('InputInvalid', `the record of ${record.step} names a report of ${report.check}`);
  const commit = report.change?.commit ?? (release && 'commit' in release ? release.commit : undefined);
  return {
    ...(release ? releaseOf(release) : {}),
    ...commitOf(commit),
    ...some('subjects', report.subjects),
    outcome: report.outcome,
    ...reasonsOf(report.reasons),
    ...some('evidence', [record.check.report, ...report.evidence]),
  };
}

async function verdictFacts(
  { worm }: DraftDeps,
  tenant: TenantId,
  record: Extract<LedgerRecord, { kind: 'verdict' }>,
): Promise<Facts> {
  const verdict = await loadJsonEvidence(worm, tenant, record.verdict, VerdictRecord);
  if (verdict.gate !== record.gate || canonicalJson(verdict.subject) !== canonicalJson(record.subject))
    throw new Fault('InputInvalid', 'the recorded verdict is on another gate or subject');
  return {
    ...subjectFacts(record.subject),
    outcome: verdict.outcome,
    ...reasonsOf(verdict.reasons),
    ...some<'evidence', EvidenceRef>('evidence', [record.verdict, ...verdict.checks.map(({ report }) => report)]),
    ...(verdict.policy ? { policy: verdict.policy } : {}),
  };
}

async function signatureFacts(
  { worm }: DraftDeps,
  tenant: TenantId,
  record: Extract<LedgerRecord, { kind: 'signature' }>,
): Promise<Facts> {
  const signature = await loadJsonEvidence(worm, tenant, record.signature, SignatureRecord);
  if (record.subject.kind !== 'image' || signature.digest !== record.subject.digest)
    throw new Fault('InputInvalid', 'the recorded signature is over another digest');
  return { ...subjectFacts(record.subject), outcome: 'info', evidence: [record.signature] };
}

function factsOf(
  deps: DraftDeps,
  tenant: TenantId,
  record: LedgerRecord,
  release: RunSubject | undefined,
): Facts | Promise<Facts> {
  switch (record.kind) {
    case 'release.claimed':
    case 'promotion.requested':
      return { ...subjectFacts(record.subject), outcome: 'info' };
    case 'approval.expired':
      return {
        ...subjectFacts(record.subject),
        outcome: 'refuse',
        reasons: [{ code: 'approval.expired' }],
        reasonsTotal: 1,
      };
    case 'check':
      return checkFacts(deps, tenant, record, release);
    case 'verdict':
      return verdictFacts(deps, tenant, record);
    case 'signature':
      return signatureFacts(deps, tenant, record);
    default:
      return assertNever(record);
  }
}

/** As many of the reasons as an entry has room for, at least the code of the first; the report has them all. */
function fitted(tenant: TenantId, draft: EntryDraft): EntryDraft {
  let fitting = draft;
  for (let { reasons } = draft.content; ; ) {
    try {
      checkDrafts(tenant, [fitting]);
      return fitting;
    } catch (error) {
      const [first] = reasons ?? [];
      if (!(error instanceof Fault && error.name === 'LimitExceeded') || !reasons || !first) throw error;
      const shorter = reasons.length > 1 ? reasons.slice(0, -1) : [{ code: first.code }];
      if (reasons.length === 1 && Object.keys(first).length === 1) throw error;
      reasons = shorter;
      fitting = { ...draft, content: { ...draft.content, reasons } };
    }
  }
}

const claimFacts = (row: ClaimRow | undefined): Pick<EntryContent, 'actor' | 'trace'> => ({
  ...(row?.actor ? { actor: row.actor } : {}),
  ...(row?.traceparent === undefined ? {} : { trace: [row.traceparent] }),
});

/** The drafts of what a run records: everything an entry says is read from its evidence and the run's claim. */
export async function draftsOf(
  deps: DraftDeps,
  run: RunContext,
  state: string,
  records: readonly LedgerRecord[],
): Promise<EntryDraft[]> {
  const { tenant, businessKey, machine, name } = run;
  const claim = await deps.claims.get(tenant, businessKey, machine);
  const started = RunInput.safeParse(claim?.input);
  const release = started.success ? started.data.subject : undefined;
  return Promise.all(
    records.map(async (record) => {
      const facts = await factsOf(deps, tenant, record, release);
      const { step, kind } = record;
      const mapIndex = record.kind === 'check' ? record.mapIndex : undefined;
      const replay = replayOfRun(name);
      return fitted(tenant, {
        key: entryKeyOf(tenant, {
          businessKey,
          machine,
          step,
          ...(mapIndex === undefined ? {} : { mapIndex }),
          replay,
          kind,
          ordinal: 0,
        }),
        content: { kind, run: { workflow: machine, name, state }, ...claimFacts(claim), ...facts },
      });
    }),
  );
}
