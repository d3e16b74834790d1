import { describe, expect, it } from 'vitest';
import { draftOf, TENANT } from '../../test/contracts/ledger-drafts.ts';
import { type FailurePlan, failing } from '../../test/fakes/failing.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryNoteSigner } from '../../test/fakes/memory-signers.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { testWitness } from '../../test/fakes/test-witness.ts';
import type { Witness } from '../ports/witness.ts';
import { leafHash } from '../tlog/merkle.ts';
import { formatVerifierKey, verifierKeyOf } from '../tlog/note.ts';
import { parseLogPolicy } from '../tlog/parse-log-policy.ts';
import { verifyLogProof } from '../tlog/tlog-proof.ts';
import { appendEntries } from './append.ts';
import { publishCheckpoint } from './publish.ts';
import { isFollowedUp } from './published.ts';
import { readInclusionProof, servedCheckpoint } from './read.ts';
import { rebuildLogs } from './rebuild.ts';
import type { Witnessing } from './witnessing.ts';

const ORIGIN = 'ledger.example.com/acme';
const signer = memoryNoteSigner();
const logKey = verifierKeyOf(ORIGIN, await signer.publicKey());
const BOTH = 'group both 2 w0 w1\nquorum both';

const witnessesOf = (count: number) =>
  Array.from({ length: count }, (_, at) => testWitness(`witness.example/w${at}`, at + 1, logKey));

function policyOf(witnesses: readonly Pick<Witness, 'key'>[], quorum: string) {
  const lines = witnesses.map(({ key }, at) => `witness w${at} ${formatVerifierKey(key)}`);
  const parsed = parseLogPolicy(Buffer.from([`log ${formatVerifierKey(logKey)}`, ...lines, quorum, ''].join('\n')));
  if (parsed.kind !== 'policy') throw new Error(JSON.stringify(parsed.problem));
  return parsed.policy;
}

/** A log and its witnesses. */
function world(quorum: string, witnesses = witnessesOf(quorum === BOTH ? 2 : 1)) {
  const deps = {
    ledger: memoryLedgerStore(),
    worm: memoryWormStore(),
    clock: fixedClock(),
    noteSigner: signer,
    originOf: () => ORIGIN,
  };
  const policy = policyOf(witnesses, quorum);
  const asking = (others: readonly Witness[] = witnesses): Witnessing => ({
    ...{ policy, witnesses: others },
    compared: new Set(),
  });
  let written = 0;
  return {
    ...deps,
    ...{ deps, witnesses, policy, asking },
    grow: (of: number, prefix = 'e') =>
      appendEntries(
        deps,
        TENANT,
        Array.from({ length: of }, () => draftOf(`${prefix}${written++}`)),
      ),
    publish: (witnessing: Witnessing | undefined = asking()) =>
      publishCheckpoint({ ...deps, witnessingOf: () => witnessing }, TENANT),
    published: () => deps.ledger.published(TENANT),
    served: async () => (await servedCheckpoint(deps, TENANT))?.size,
    answers: async () =>
      Object.values((await deps.ledger.published(TENANT))?.witnesses ?? {}).map(({ answer }) => answer),
  };
}

describe('witnesses of a log', () => {
  it('cosign each checkpoint, which then proves entries to those who ask for a quorum', async () => {
    const all = world(BOTH);
    for (const size of [3, 7]) {
      await all.grow(size === 3 ? 3 : 4);
      await all.publish();
      expect(await all.served()).toBe(size);
      const [entry = new Uint8Array()] = await all.ledger.entries(TENANT, 1, 1);
      const proof = (await readInclusionProof(all, TENANT, 1)) ?? '';
      const verdict = verifyLogProof(proof, leafHash(entry), all.policy);
      expect(verdict).toMatchObject({ kind: 'proven', index: 1, checkpoint: { size } });
      expect(verdict.kind === 'proven' && verdict.cosignatures.map(({ key }) => key.name)).toEqual([
        'witness.example/w0',
        'witness.example/w1',
      ]);
    }
    expect(all.witnesses.map(({ size }) => size())).toEqual([7, 7]);
    expect(await all.answers()).toEqual(['cosigned', 'cosigned']);
  });

  it('hold nothing up while they are away; what is shown is the last that enough cosigned', async () => {
    const all = world(BOTH);
    all.witnesses[1]?.goAway();
    await all.grow(2);
    expect(await all.publish()).toEqual({ size: 2 });
    expect([await all.served(), await all.answers()]).toEqual([undefined, ['cosigned', 'silent']]);
    all.witnesses[1]?.comeBack();
    await all.publish();
    expect(await all.served()).toBe(2);
    all.witnesses[1]?.goAway();
    await all.grow(2);
    expect(await all.publish()).toEqual({ size: 4 });
    expect([await all.served(), (await all.published())?.size]).toEqual([2, 4]);
  });

  it('that are slow hold up nothing that the others have cosigned already', async () => {
    const all = world('group any 1 w0 w1\nquorum any', witnessesOf(2));
    const [quick, slow] = all.witnesses;
    if (!quick || !slow) throw new Error('there are two');
    let shownMeanwhile: number | undefined;
    const waiting: Witness = {
      key: slow.key,
      addCheckpoint: async (body) => {
        for (let turn = 0; turn < 100 && shownMeanwhile === undefined; turn += 1) {
          await new Promise(setImmediate);
          shownMeanwhile = await all.served();
        }
        return slow.addCheckpoint(body);
      },
    };
    await all.grow(3);
    await all.publish(all.asking([quick, waiting]));
    expect(shownMeanwhile).toBe(3);
    expect((await servedCheckpoint(all, TENANT))?.note.match(/^— witness\.example/gm)).toHaveLength(2);
  });

  it('are asked from where they are, whatever we remember', async () => {
    const all = world('quorum w0');
    await all.grow(2);
    await all.publish();
    const published = await all.published();
    if (published) await all.ledger.savePublished(TENANT, { ...published, witnesses: {} }, 2);
    await all.grow(3);
    await all.publish();
    expect([await all.served(), all.witnesses[0]?.size()]).toEqual([5, 5]);
  });

  it('are remembered with what they refuse', async () => {
    for (const kind of ['not-signed', 'unknown-log', 'inconsistent', 'malformed'] as const) {
      const all = world('quorum w0');
      await all.grow(1);
      const refusing = all.witnesses.map(({ key }) => ({ key, addCheckpoint: async () => ({ kind }) }));
      expect(await all.publish(all.asking(refusing))).toEqual({ size: 1 });
      expect([await all.served(), await all.answers()]).toEqual([undefined, [kind]]);
    }
  });

  it('are not believed for lines that their key did not make', async () => {
    const all = world('quorum w0');
    const [witness] = all.witnesses;
    if (!witness) throw new Error('there is one');
    const other = testWitness('witness.example/w0', 9, logKey);
    await all.grow(1);
    await all.publish(all.asking([{ key: witness.key, addCheckpoint: other.addCheckpoint }]));
    expect([await all.served(), await all.answers()]).toEqual([undefined, ['silent']]);
  });

  it('that are asked from now on, or from now on not, take nothing away that was shown', async () => {
    const all = world('quorum w0');
    await all.grow(1);
    await publishCheckpoint(all.deps, TENANT);
    all.witnesses[0]?.goAway();
    await all.grow(1);
    await all.publish();
    expect([await all.served(), (await all.published())?.size]).toEqual([1, 2]);
    await publishCheckpoint(all.deps, TENANT);
    expect([await all.served(), await all.answers()]).toEqual([2, []]);
  });
});

describe('witnesses that remember more of a log than its database', () => {
  it('keep the next checkpoint from being signed', async () => {
    const witnesses = witnessesOf(1);
    const [all, old] = [world('quorum w0', witnesses), world('quorum w0', witnesses)];
    for (const one of [all, old]) {
      await one.grow(3);
      await one.publish();
    }
    await all.grow(2);
    await all.publish();
    await old.grow(3, 'other');
    const before = await old.published();
    for (const process of [old.asking(), old.asking()])
      await expect(old.publish(process)).rejects.toMatchObject({
        name: 'LedgerInconsistent',
        message: expect.stringContaining('cosigned 5 entries'),
      });
    expect(await old.published()).toEqual(before);
    // Whoever has the copy open while it is put back finds out from the answers.
    const open = old.asking();
    for (const witness of witnesses) open.compared.add(witness);
    await old.publish(open);
    expect([await old.served(), await old.answers()]).toEqual([3, ['inconsistent']]);
  });

  it('keep nobody from going on whose entries came back from the segments', async () => {
    const witnesses = witnessesOf(1);
    const [all, back] = [world('quorum w0', witnesses), world('quorum w0', witnesses)];
    for (const one of [all, back]) {
      await one.grow(3);
      await one.publish();
    }
    await all.grow(2);
    await all.publish();
    const rebuild = () => rebuildLogs({ ledger: back.ledger, worm: all.worm }, [TENANT], { isCheck: false });
    expect(await rebuild()).toMatchObject([{ size: 5, replayed: 2, reasons: [] }]);
    // As left by one that died behind its last commit, and then by the next.
    const published = await back.published();
    expect(published).toMatchObject({ size: 3, rebuilt: 5 });
    if (published) await back.ledger.savePublished(TENANT, { ...published, rebuilt: undefined }, 3);
    await rebuild();
    await back.grow(1, 'f');
    await back.publish();
    expect([await back.served(), witnesses[0]?.size()]).toEqual([6, 6]);
  });

  it('stop a log that was cut', async () => {
    const witnesses = witnessesOf(1);
    const [all, cut] = [world('quorum w0', witnesses), world('quorum w0', witnesses)];
    await all.grow(5);
    await all.publish();
    await cut.grow(3);
    const process = cut.asking();
    await expect(cut.publish(process)).rejects.toMatchObject({ name: 'LedgerInconsistent' });
    expect([await cut.served(), await cut.answers()]).toEqual([undefined, ['ahead']]);
    await cut.grow(1);
    await expect(cut.publish(process)).rejects.toMatchObject({ name: 'LedgerInconsistent' });
    expect((await cut.published())?.size).toBe(3);
  });
});

describe('two who publish at once', () => {
  it('are no older copies of one another, and never show less than was shown', async () => {
    const all = world('quorum w0');
    const [witness] = all.witnesses;
    if (!witness) throw new Error('there is one');
    await all.grow(1);
    await all.publish();
    await all.grow(1);
    // While the first waits for the witness, another commits, publishes and has it cosigned.
    let entered = false;
    const overtaken: Witness = {
      key: witness.key,
      addCheckpoint: async (body) => {
        if (!entered) {
          entered = true;
          await all.grow(2);
          await all.publish();
        }
        return witness.addCheckpoint(body);
      },
    };
    const process = all.asking([overtaken]);
    process.compared.add(overtaken);
    await all.publish(process);
    expect([await all.served(), (await all.published())?.size]).toEqual([4, 4]);
  });

  it('keep the cosignatures of the one who was overtaken', async () => {
    const all = world('quorum w0');
    const [witness] = all.witnesses;
    if (!witness) throw new Error('there is one');
    await all.grow(1);
    let entered = false;
    const overtaken: Witness = {
      key: witness.key,
      addCheckpoint: async (body) => {
        const answer = await witness.addCheckpoint(body);
        if (!entered) {
          entered = true;
          witness.goAway();
          await all.grow(1);
          await all.publish();
        }
        return answer;
      },
    };
    await all.publish(all.asking([overtaken]));
    expect([await all.served(), (await all.published())?.size]).toEqual([1, 2]);
  });
});

describe('a publisher who dies', () => {
  it('before or after any call leaves what the next publication ends, with the same bytes', async () => {
    const stage = async (plan: FailurePlan) => {
      const all = world(BOTH);
      await all.grow(3);
      await all.publish();
      await all.grow(2);
      const mortal = {
        ...all.deps,
        ledger: failing(all.ledger, plan),
        worm: failing(all.worm, plan),
        noteSigner: failing(signer, plan),
        witnessingOf: () => all.asking(all.witnesses.map((witness) => failing(witness, plan))),
      };
      const outcome = await publishCheckpoint(mortal, TENANT).catch((fault: unknown) => fault);
      return { all, outcome, calls: plan.calls };
    };
    const undisturbed = await stage({ at: -1, when: 'before', calls: 0 });
    const expected = await undisturbed.all.published();
    expect(undisturbed.calls).toBeGreaterThan(15);
    for (const when of ['before', 'after'] as const)
      for (let at = 0; at < undisturbed.calls; at += 1) {
        const { all, outcome } = await stage({ at, when, calls: 0 });
        expect(outcome).toMatchObject({ name: 'StoreUnavailable' });
        const left = await all.published();
        // What is shown is the old checkpoint or the new one with both lines, and what is open is known to be.
        expect([3, 5]).toContain(await all.served());
        if (left?.size === 5 && (await all.served()) === 3) expect(isFollowedUp(left)).toBe(false);
        await all.publish();
        expect(await all.published()).toEqual(expected);
      }
  });
});
