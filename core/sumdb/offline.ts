import { Fault } from '../faults.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';

const notRecorded = (what: string): Fault =>
  new Fault('ChecksumDatabaseUnavailable', `offline: ${what} was not recorded by an earlier run`);

/**
 * A database that nobody asks: records are proved from the tile cache and the kept head, and whatever an earlier run did
 * not record is the fault of an absent database, never a pass.
 */
export function offlineDatabase(verifierKey: string): ChecksumDatabase {
  return {
    verifierKey,
    offline: true,
    lookup: (module, version) => Promise.reject(notRecorded(`the lookup of ${module}@${version}`)),
    latest: () => Promise.reject(notRecorded('a tree head')),
    tile: (level, index) => Promise.reject(notRecorded(`tile ${level}/${index}`)),
  };
}
