import { Fault } from '../faults.ts';

/**
 * Bytes that are no git data: the copy we read is damaged, or served to mislead. Another copy may be whole, so it is the
 * fault of a source that cannot be read, never an answer.
 */
export const unreadableGit = (what: string, cause?: unknown): Fault =>
  new Fault('SourceUnreachable', `git: ${what}`, { cause });
