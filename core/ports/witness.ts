import type { VerifierKey } from '../tlog/note.ts';
import type { WitnessAnswer } from '../tlog/witness.ts';

/**
 * One witness of checkpoints (C2SP tlog-witness). Not trusted: its cosignature is verified, and what it refuses is looked
 * into by those who run the log.
 */
export interface Witness {
  /** Of its cosignatures. */
  readonly key: VerifierKey;
  /**
   * Asks once for a cosignature, in a few seconds. `undefined`: it did not answer, or not in the protocol. MUST NOT throw:
   * a witness that is away holds nothing up.
   */
  addCheckpoint(body: string): Promise<WitnessAnswer | undefined>;
}
