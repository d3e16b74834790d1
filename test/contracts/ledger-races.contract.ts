import { expect } from 'vitest';
import { parseEntry } from '../../core/ledger/entry.ts';
import { toHex } from '../../core/ledger/hex.ts';
import { publishCheckpoint } from '../../core/ledger/publish.ts';
import { readLogResource } from '../../core/ledger/read.ts';
import { verifyLog } from '../../core/ledger/verify.ts';
import { leafHash } from '../../core/tlog/merkle.ts';
import { verifierKeyOf } from '../../core/tlog/note.ts';
import type { Answered } from '../fakes/racing-writer.ts';
import { TENANT } from './ledger-drafts.ts';
import { depsOf, type LedgerPorts, noteSigner, ORIGIN } from './ledger-faults.contract.ts';

/** Pairs of which one was answered before the other was asked for, with their indices the other way round. */
function overtakings(answers: readonly Answered[]): number {
  const fresh = answers.filter(({ existed }) => !existed);
  const byEnd = fresh.toSorted((a, b) => Number(BigInt(a.answered) - BigInt(b.answered)));
  let [at, highest, overtaken] = [0, -1, 0];
  for (const { asked, index } of fresh.toSorted((a, b) => Number(BigInt(a.asked) - BigInt(b.asked)))) {
    for (let end = byEnd[at]; end && BigInt(end.answered) < BigInt(asked); end = byEnd[at]) {
      highest = Math.max(highest, end.index);
      at += 1;
    }
    if (index < highest) overtaken += 1;
  }
  return overtaken;
}

/**
 * Checks what racing writers promise: each entry once and where each of its writers was told; an append that was answered
 * before another was asked for comes first; links within each release; and the whole log verifies.
 */
export async function checkRace(ports: LedgerPorts, answers: readonly Answered[]): Promise<void> {
  const { size } = await ports.ledger.head(TENANT);
  const entries = await ports.ledger.entries(TENANT, 0, size);
  const names = entries.map((bytes) => parseEntry(bytes).subjects?.[0]?.name);
  expect(names.toSorted()).toEqual([...new Set(answers.map(({ id }) => id))].toSorted());
  for (const { id, index, leaf } of answers)
    expect([id, toHex(leafHash(entries[index] ?? new Uint8Array()))]).toEqual([names[index], leaf]);
  expect(
    answers
      .filter(({ existed }) => !existed)
      .map(({ index }) => index)
      .toSorted((a, b) => a - b),
  ).toEqual(names.map((_, index) => index));
  expect(overtakings(answers)).toBe(0);
  await publishCheckpoint(depsOf(ports), TENANT);
  const read = async (path: string) => (await readLogResource(ports, TENANT, path))?.bytes;
  const report = await verifyLog(read, verifierKeyOf(ORIGIN, await noteSigner.publicKey()));
  expect(report).toMatchObject({ size, entries: size, problems: [] });
}
