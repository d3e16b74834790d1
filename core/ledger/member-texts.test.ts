import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftOf } from '../../test/contracts/ledger-drafts.ts';
import { canonicalJson } from '../canonical-json.ts';
import { sha256Hex } from '../evidence.ts';
import { requestHashOf } from './entry.ts';
import { joinedTexts, memberTexts } from './member-texts.ts';

describe('the texts of members', () => {
  it('make the canonical text of their object, less what is undefined', () => {
    const word = fc.stringMatching(/^[a-zA-Z]{1,8}$/);
    const member = fc.option(fc.jsonValue(), { nil: undefined });
    fc.assert(
      fc.property(fc.dictionary(word, member), (members) => {
        expect(joinedTexts(memberTexts(members))).toBe(canonicalJson(members));
      }),
    );
  });
});

describe('what makes two requests the same', () => {
  const { content } = draftOf('a', 'r1', 'gosum.mismatch');
  const run = { workflow: 'source-release', name: 'source-release-1', state: 'Record the checks' };
  const evidence = [{ kind: 'report', sha256: sha256Hex('report'), size: 6, mediaType: 'text/plain' }];

  it('is the content less its trace and the attempt of its run', () => {
    const trace = [`00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`];
    expect(requestHashOf({ ...content, evidence, trace, run: { ...run, attempt: 2 } })).toBe(
      sha256Hex(canonicalJson({ ...content, evidence, run })),
    );
  });

  it('of a signature is not the evidence either', () => {
    expect(requestHashOf({ ...content, kind: 'signature', evidence })).toBe(
      sha256Hex(canonicalJson({ ...content, kind: 'signature' })),
    );
  });
});
