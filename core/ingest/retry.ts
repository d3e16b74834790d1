import { Fault } from '../faults.ts';
import type { DeliveryRow } from '../ports/delivery-store.ts';

/** Tries of one life of a delivery; the last ones are 15 minutes apart. */
const MAX_TRIES = 12;
const FIRST_DELAY_MS = 500;
const LAST_DELAY_MS = 15 * 60_000;
/** `attempts` counts on by thousands from one life to the next, so that it never repeats. */
const LIFE = 1000;
/** While one publisher works on a row no other looks at it. Longer than a source's time-outs. */
export const LEASE_MS = 120_000;
const OUR_FAULT = 'fault:';

const triesOf = ({ attempts }: DeliveryRow): number => attempts % LIFE;
/** Which life of the delivery this is, from 0. */
export const lifeOf = ({ attempts }: DeliveryRow): number => Math.floor(attempts / LIFE);
export const isLastTry = (row: DeliveryRow): boolean => triesOf(row) >= MAX_TRIES;

/** The row as one publisher has it: taken by counting, so that two cannot have the same. */
export const leasedRow = (row: DeliveryRow, now: number): DeliveryRow => ({
  ...row,
  attempts: row.attempts + 1,
  dueAt: now + LEASE_MS,
});

/** Due again after a delay that doubles. */
export const postponedRow = (row: DeliveryRow, now: number, error: unknown): DeliveryRow => ({
  ...row,
  dueAt: now + Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** (triesOf(row) - 1)),
  lastError: faultNote(error),
});

export const givenUpRow = (row: DeliveryRow, error: unknown): DeliveryRow => ({
  ...row,
  status: 'rejected',
  lastError: faultNote(error),
});

/** A row that was given up for a fault of ours, due again; `undefined` for every other row. */
export const revivedRow = (row: DeliveryRow, now: number): DeliveryRow | undefined =>
  row.status === 'rejected' && row.lastError?.startsWith(OUR_FAULT)
    ? { ...row, status: 'received', attempts: (lifeOf(row) + 1) * LIFE, dueAt: now }
    : undefined;

/** Only the name: messages may quote what others sent. */
const faultNote = (error: unknown): string => `${OUR_FAULT}${faultNameOf(error)}`;
export const faultNameOf = (error: unknown): string => (error instanceof Fault ? error.name : 'Unexpected');
