import { isFault } from '../../core/faults.ts';
import { type AppendDeps, appendEntries } from '../../core/ledger/append.ts';
import { groupCommit } from '../../core/ledger/group-commit.ts';
import { draftOf, TENANT } from '../contracts/ledger-drafts.ts';

/** What one append of a writer was answered. */
export interface Answered {
  readonly id: string;
  readonly writer: number;
  /** Position among what the caller asked for, one after the other. */
  readonly caller: number;
  readonly index: number;
  readonly leaf: string;
  readonly existed: boolean;
  /** Nanoseconds of the machine's monotonic clock, which all its processes share; as text. */
  readonly asked: string;
  readonly answered: string;
}

/** Callers of each writer; each waits for an answer before it asks again. */
const CALLERS = 3;
/** Every so many an append repeats an earlier one, of the caller itself or of the caller of another writer. */
const REPEAT_EVERY = 10;
const WRITERS = 8;
const ATTEMPTS = 5;

/** The entry that a caller asks for as its `at`-th: its own, or one in ten times one that was or is asked for elsewhere. */
export function idOf(writer: number, caller: number, at: number): string {
  if (at % REPEAT_EVERY !== REPEAT_EVERY - 1) return `w${writer}-${caller}-${at}`;
  const other = at % (2 * REPEAT_EVERY) < REPEAT_EVERY ? writer : (writer + 1) % WRITERS;
  return `w${other}-${caller}-${at - 5}`;
}

/** Appends `each` entries for each caller, half of the writers in groups; all callers of a number share a release. */
export async function writeRacing(deps: AppendDeps, writer: number, each: number): Promise<Answered[]> {
  const once = writer % 2 === 0 ? groupCommit(deps) : appendEntries.bind(undefined, deps);
  // Who loses too many races in a row is told so, and asks again, as every machine does.
  const append: typeof once = async (...asked) => {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await once(...asked);
      } catch (error) {
        if (attempt === ATTEMPTS || !isFault(error, 'LedgerConflict')) throw error;
      }
  };
  const call = async (caller: number): Promise<Answered[]> => {
    const answers: Answered[] = [];
    for (let at = 0; at < each; at += 1) {
      const id = idOf(writer, caller, at);
      const asked = String(process.hrtime.bigint());
      const { entries } = await append(TENANT, [draftOf(id, `r${caller}`)]);
      const answered = String(process.hrtime.bigint());
      for (const { index, leaf, existed } of entries)
        answers.push({ id, writer, caller, index, leaf, existed, asked, answered });
    }
    return answers;
  };
  return (await Promise.all(Array.from({ length: CALLERS }, (_, caller) => call(caller)))).flat();
}
