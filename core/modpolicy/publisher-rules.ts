import type { ModuleFacts, PublisherSignature } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';
import { type PublishedModule, publishedModules } from './published-modules.ts';
import type { Publisher } from './publisher.ts';
import { openVerifier, type SignatureWord, type VerifySignature } from './publisher-signature.ts';
import type { Finding, ModuleRule } from './rule.ts';

/** What publishers say of the versions that are new: verified here, from the bytes that were found. */

type PublisherWord = SignatureWord | { readonly kind: 'none'; readonly why: string };

interface JudgedSignature {
  readonly module: PublishedModule;
  readonly word: PublisherWord;
}

const DAY_MS = 24 * 60 * 60 * 1000;

function wordOf(
  { lines }: PublishedModule,
  answer: PublisherSignature['answer'] | undefined,
  verify: VerifySignature,
  atMs: number,
): PublisherWord {
  if (lines === undefined) return { kind: 'none', why: 'go.sum has no line of its go.mod, so nothing can be signed' };
  if (!answer) return { kind: 'none', why: 'nobody looked for a signature' };
  switch (answer.kind) {
    case 'found':
      return verify(Buffer.from(answer.base64, 'base64'), Buffer.from(lines, 'utf8'), atMs);
    case 'absent':
      return { kind: 'none', why: 'there is no signature' };
    case 'not-checked':
      return { kind: 'none', why: answer.why };
  }
}

/** Each version that a publisher answers for, and its word; none where nobody looked for signatures. */
export function judgeSignatures(facts: ModuleFacts, policy: ModulePolicy): JudgedSignature[] {
  const { publisherSignatures, day } = facts;
  if (!publisherSignatures) return [];
  const answers = new Map(
    publisherSignatures.map(({ module: { path, version }, answer }) => [`${path}@${version}`, answer]),
  );
  // Records keep the day alone: what was signed on it counts, and what ends on it does not.
  const atMs = (day + 1) * DAY_MS - 1;
  const verifiers = new Map<Publisher, VerifySignature>();
  return publishedModules(facts, policy).map((module) => {
    const verify = verifiers.get(module.publisher) ?? openVerifier(module.publisher);
    verifiers.set(module.publisher, verify);
    return { module, word: wordOf(module, answers.get(`${module.path}@${module.version}`), verify, atMs) };
  });
}

const NOT_LOOKED = { notChecked: 'the signatures of publishers' };

const findingOf = ({ where, path, version, publisher }: PublishedModule, why: string): Finding => ({
  where,
  expected: `a signature (${publisher.kind}) of its lines in go.sum by its publisher`,
  found: `${path} ${version}: ${why}`,
});

const signatureBad: ModuleRule = {
  code: 'modpolicy.signature-bad',
  title: 'The signature of a module is not by its publisher, or not over what go.sum has of it.',
  fix: 'Do not build with it: ask its publisher what was signed. A host that has no signature must answer 404.',
  settings: [],
  judge: (facts, policy) => {
    if (!facts.publisherSignatures) return publishedModules(facts, policy).length === 0 ? [] : NOT_LOOKED;
    return judgeSignatures(facts, policy).flatMap(({ module, word }) =>
      word.kind === 'bad' ? [findingOf(module, word.why)] : [],
    );
  },
};

const publisherSignature: ModuleRule = {
  code: 'modpolicy.publisher-signature',
  title: 'A new version of a module has no signature of its publisher, which the policy requires.',
  fix: 'Ask its publisher to sign the version, or stay with one that is signed.',
  settings: ['publisher-signature'],
  judge: (facts, policy) => {
    const required = publishedModules(facts, policy).filter(({ publisher }) => publisher.required);
    if (!facts.publisherSignatures) return required.length === 0 ? [] : NOT_LOOKED;
    // A bad one is a finding of its own.
    return judgeSignatures(facts, policy).flatMap(({ module, word }) =>
      module.publisher.required && (word.kind === 'none' || word.kind === 'expired')
        ? [findingOf(module, word.why)]
        : [],
    );
  },
};

export const PUBLISHER_RULES: readonly ModuleRule[] = [publisherSignature, signatureBad];
