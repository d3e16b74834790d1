import { describe, expect, it } from 'vitest';
import { GitSha, Sha256Hex, TenantId } from '../../events/fields.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memorySourceHost } from '../../test/fakes/memory-source-host.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { testSshKey } from '../../test/fakes/test-ssh-key.ts';
import { loadReport } from '../check.ts';
import { keepJsonEvidence, sha256Hex } from '../evidence.ts';
import { type RunContext, runTask } from '../task.ts';
import { checkTagSigner } from './task.ts';

const tenant = TenantId.parse('acme');
const [commit, other] = [GitSha.parse('a'.repeat(40)), GitSha.parse('b'.repeat(40))];
const run: RunContext = {
  tenant,
  businessKey: Sha256Hex.parse('c'.repeat(64)),
  machine: 'source-release',
  name: 'source-release-1',
};
const H1 = `h1:${'A'.repeat(43)}=`;
const SNAPSHOT = {
  ...{ schema: 'relseal.source-snapshot/1', repository: { host: 'git.test', name: 'acme/m' }, tag: 'v1.0.0', commit },
  ...{ commitResolution: 'resolved', source: 'git', module: { path: 'example.com/m', version: 'v1.0.0' } },
  ...{ directory: '', zipH1: H1, goModH1: H1 },
  goMod: { kind: 'go-mod', sha256: 'd'.repeat(64), size: 1, mediaType: 'text/plain' },
};
const COMMIT = Buffer.from('tree t\n\nmessage\n');
const TAG = Buffer.from(`object ${commit}\ntype commit\ntag v1.0.0\ntagger a <a> 1 +0000\n\nmessage\n`);

const key = testSshKey();
const signedBy = ({ sign }: typeof key) => Buffer.concat([TAG, Buffer.from(sign(TAG))]);
const policyOf = (signers: object) =>
  JSON.stringify({ schema: 'relseal.policy/1', name: 'p', gates: {}, signers: { ...signers } });
const NAMED = policyOf({ allowedSigners: `ana@example.com ${key.line}` });

interface Shown {
  readonly policy?: string;
  readonly tagObject?: Buffer;
  /** `undefined`: the source shows no objects of git. */
  readonly at?: GitSha | undefined;
}

async function check({ policy, tagObject, at }: Shown) {
  const worm = memoryWormStore();
  const host = memorySourceHost();
  if (at) host.rawTags.set('v1.0.0', { commit: at, commitObject: COMMIT, ...(tagObject ? { tagObject } : {}) });
  const deps = { worm, clock: fixedClock(), policies: async () => policy, sourceHosts: () => ({ host }) };
  const snapshot = await keepJsonEvidence(worm, tenant, 'source-snapshot', SNAPSHOT);
  const { check: record } = await runTask(checkTagSigner, deps, { step: 'check-tag-signer', run, snapshot });
  const { outcome, reasons, warnings = [], details } = await loadReport(worm, tenant, record);
  const codes = [...reasons.map(({ code }) => code), ...warnings.map(({ code }) => `warned ${code}`)];
  return { outcome, codes, details };
}

describe('checking who signed a tag', () => {
  it('passes a tag by a key of the policy and says which, with the digests of what was read', async () => {
    const tagObject = signedBy(key);
    const { outcome, codes, details } = await check({ policy: NAMED, tagObject, at: commit });
    expect([outcome, codes]).toEqual(['pass', []]);
    expect(details).toEqual({
      signer: { format: 'ssh', key: expect.stringMatching(/^SHA256:/), signed: 'tag' },
      commitObjectSha256: sha256Hex(COMMIT),
      tagObjectSha256: sha256Hex(tagObject),
    });
  });

  it.each<[string, Shown, string[]]>([
    ['nobody signed', { policy: NAMED, tagObject: TAG, at: commit }, ['source.unsigned']],
    ['a stranger signed', { policy: NAMED, tagObject: signedBy(testSshKey()), at: commit }, ['source.signer-unknown']],
    [
      'its key signed for something else',
      { policy: NAMED, tagObject: Buffer.concat([TAG, Buffer.from(key.sign(TAG, 'file'))]), at: commit },
      ['source.signature-bad'],
    ],
    ['it was moved', { policy: NAMED, tagObject: signedBy(key), at: other }, ['source.tag-moved']],
    ['it was moved, though nobody is named', { tagObject: signedBy(key), at: other }, ['source.tag-moved']],
    ['its source shows no tags', { policy: NAMED }, ['source.unsigned']],
    [
      'a key of the policy cannot be read',
      { policy: policyOf({ allowedSigners: 'ana ssh-ed25519 AAAA' }), tagObject: signedBy(key), at: commit },
      ['policy.signers-malformed'],
    ],
  ])('refuses a tag when %s', async (_what, shown, codes) => {
    expect(await check(shown)).toMatchObject({ outcome: 'refuse', codes });
  });

  it.each<[string, Shown, string[]]>([
    ['a source that shows no tags, where nobody is named', {}, ['warned source.unsigned']],
    ['such a source where the policy only warns', { policy: policyOf({ tags: 'warn' }) }, ['warned source.unsigned']],
    ['an unsigned tag where nobody is named', { at: commit }, ['warned source.unsigned']],
    ['a signed tag where nobody is named', { tagObject: signedBy(key), at: commit }, []],
  ])('lets %s pass', async (_what, shown, codes) => {
    const { details, ...passed } = await check(shown);
    expect(passed).toEqual({ outcome: 'pass', codes });
    expect(details).not.toHaveProperty('signer');
  });
});
