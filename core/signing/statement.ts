import * as z from 'zod';
import type { OciDigest } from '../../events/fields.ts';
import { canonicalBytes } from '../canonical-json.ts';
import type { Refusal } from '../verdict.ts';

/** The in-toto statement that cosign reads as "this image is signed". */

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const SIGN_PREDICATE_TYPE = 'https://sigstore.dev/cosign/sign/v1';
/** Signed annotation of the subject: bundles carry no docker-reference, so this is what stops a replay elsewhere. */
const REPOSITORY_ANNOTATION = 'dev.relseal.repository';

const Statement = z.object({
  _type: z.string(),
  predicateType: z.string(),
  subject: z
    .array(
      z.object({ digest: z.record(z.string(), z.string()), annotations: z.record(z.string(), z.string()).optional() }),
    )
    .max(1024),
});

/** What the signature must be about. `repository` is `host/path`. */
export interface SignedImage {
  readonly repository: string;
  readonly digest: OciDigest;
  /** `required` for our own; cosign's own signatures name no repository. */
  readonly annotation: 'required' | 'if-present';
}

export const signStatement = (repository: string, digest: OciDigest): Uint8Array =>
  canonicalBytes({
    _type: STATEMENT_TYPE,
    predicateType: SIGN_PREDICATE_TYPE,
    predicate: {},
    subject: [
      { digest: { sha256: digest.slice('sha256:'.length) }, annotations: { [REPOSITORY_ANNOTATION]: repository } },
    ],
  });

/** Checks that a statement, already parsed strictly, says that this image of this repository is signed, and nothing else. */
export function judgeStatement(value: unknown, image: SignedImage): Refusal[] {
  const statement = Statement.safeParse(value);
  if (!statement.success) return [{ code: 'signature.malformed', where: 'statement' }];
  const { _type, predicateType, subject } = statement.data;
  const [only, ...others] = subject;
  return [
    ...differs('signature.malformed', 'statement._type', STATEMENT_TYPE, _type),
    ...differs('signature.wrong-predicate', 'statement.predicateType', SIGN_PREDICATE_TYPE, predicateType),
    ...(only && others.length === 0
      ? [
          ...judgeDigest(only.digest, image.digest),
          ...judgeRepository(only.annotations?.[REPOSITORY_ANNOTATION], image),
        ]
      : differs('signature.wrong-subject', 'statement.subject', 'one subject', `${subject.length} subjects`)),
  ];
}

/** An algorithm we do not compute might contradict the one we do, so SHA-256 stands alone. */
function judgeDigest(digest: Readonly<Record<string, string>>, expected: OciDigest): Refusal[] {
  const found = Object.entries(digest).map(([algorithm, value]) => `${algorithm}:${value}`);
  return differs('signature.wrong-subject', 'statement.subject[0].digest', expected, found.join(' '));
}

function judgeRepository(found: string | undefined, { repository, annotation }: SignedImage): Refusal[] {
  if (found === undefined && annotation === 'if-present') return [];
  return differs('signature.wrong-repository', REPOSITORY_ANNOTATION, repository, found ?? '(absent)');
}

const differs = (code: string, where: string, expected: string, found: string): Refusal[] =>
  found === expected ? [] : [{ code, where, expected, found: (found || '(empty)').slice(0, 1024) }];
