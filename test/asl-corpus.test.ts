import { describe, expect, it } from 'vitest';
import { lintStateMachine } from '../core/asl/lint.ts';
import { type AslCase, CORPUS_FAULTS, loadCorpus, parseCorpusFile } from './conformance/asl/corpus.ts';
import { runOnEmbedded } from './conformance/asl/embedded-run.ts';
import { expand, expandText } from './conformance/asl/script.ts';

const corpus = loadCorpus();
const all = corpus.flatMap(({ cases }) => cases);
const lint = ({ definition, compensating }: AslCase) =>
  lintStateMachine(definition, { faults: CORPUS_FAULTS, compensating: compensating ?? false });

/** What the embedded engine must show of a case; a field that the case leaves out may be anything. */
function expectedOf({ expected }: AslCase): object {
  if (expected.status === 'REFUSED' || expected.status === 'NOT_STARTED') return { ...expected, astray: [] };
  const { seconds, history, redriveCount, callsAt, status } = expected;
  const told = { status, seconds, history, redriveCount, ...(callsAt ? { callsAt } : {}), astray: [] };
  if (expected.status === 'SUCCEEDED') return { ...told, output: expand(expected.output) };
  const { error, causeMatches, state } = expected;
  return {
    ...told,
    error: expandText(error),
    ...(causeMatches === undefined ? {} : { cause: expect.stringMatching(causeMatches) }),
    ...(state === undefined ? {} : { state }),
  };
}

const named = (cases: readonly AslCase[], isWanted: (status: string) => boolean): [string, AslCase][] =>
  cases.filter(({ expected }) => isWanted(expected.status)).map((each) => [each.name, each]);

describe('the corpus', () => {
  it('has at least 150 cases, each with a name of its own', () => {
    expect(all.length).toBeGreaterThanOrEqual(150);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  it.each([
    ['a field nobody knows', { inptu: {} }],
    ['a reply nobody knows', { tasks: [{ step: 'work', replies: [{ reslut: 1 }] }] }],
    ['an expectation nobody knows', { expected: { status: 'SUCCEEDED', output: 1, history: ['X'], secnods: 1 } }],
    ['no output of a success', { expected: { status: 'SUCCEEDED', history: ['ExecutionStarted'] } }],
    ['no source', { source: undefined }],
    ['a source that is nobody’s documentation', { source: { quote: 'x'.repeat(30), url: 'https://example.com/' } }],
  ])('refuses a case with %s', (_what, change) => {
    const [good] = all;
    expect(() => parseCorpusFile({ cases: [good] })).not.toThrow();
    expect(() => parseCorpusFile({ cases: [{ ...good, ...change }] })).toThrow();
  });
});

describe('the runner of the corpus', () => {
  const [called] = all.filter(({ name }) => name === 'A task may answer a number');
  const [answered] = all.filter(({ name }) => name === 'A token may be answered with any JSON');
  const work = { step: 'work', when: {} };
  const late = { atSeconds: 1, success: null, answer: 'gone' as const };

  it.each([
    ['a call that nobody scripted', { ...called, tasks: [] }, /is not scripted/],
    [
      'a call with a payload that nobody scripted',
      { ...called, tasks: [{ ...work, when: { more: 1 }, replies: [{ never: true }] }] },
      /is not scripted/,
    ],
    [
      'a reply that nobody asked for',
      { ...called, tasks: [{ ...work, replies: [{ result: 7 }, { result: 8 }] }] },
      /called 1 times, 2 replies/,
    ],
    [
      'an answer to a token that is taken otherwise',
      { ...answered, tasks: [{ step: 'approve', replies: [{ token: [late] }] }] },
      /told accepted/,
    ],
    ['a redrive that is answered otherwise', { ...called, redrives: [{ answer: 'redriven' }] }, /redrive was told/],
  ])('tells %s', async (_what, changed, told) => {
    const [each] = parseCorpusFile({ cases: [changed] });
    if (!each) throw new Error('no case');
    expect((await runOnEmbedded(each)).astray.join('\n')).toMatch(told);
  });
});

describe.each(corpus.map(({ feature, cases }) => [feature, cases] as const))(
  'the embedded engine on %s',
  (_feature, cases) => {
    it.each(named(cases, (status) => status !== 'REFUSED'))('%s', async (_name, each) => {
      expect(lint(each)).toEqual([]);
      expect(await runOnEmbedded(each)).toEqual(expect.objectContaining(expectedOf(each)));
    });

    it.each(named(cases, (status) => status === 'REFUSED'))('%s', (_name, each) => {
      const { expected } = each;
      if (expected.status !== 'REFUSED') throw new Error('filtered above');
      const findings = lint(each);
      expect(findings, JSON.stringify(findings)).toContainEqual({
        path: expected.path,
        reason: expect.stringContaining(expected.reason),
      });
    });
  },
);
