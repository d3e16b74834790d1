import { join } from 'node:path';
import { fileWormStore } from '../../adapters/embedded/file-worm-store.ts';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { sqliteLedgerStore } from '../../adapters/embedded/sqlite-ledger-store.ts';
import { systemClock } from '../../adapters/embedded/system-clock.ts';
import { writeRacing } from './racing-writer.ts';

/** One of the processes that write one log: FOLDER WRITER EACH. Says ready, waits for a line, writes, prints its answers. */
const [folder = '', writer = '', each = ''] = process.argv.slice(2);
const database = openSqlite(join(folder, 'ledger.sqlite'));
const deps = { ledger: sqliteLedgerStore(database), worm: fileWormStore(join(folder, 'worm')), clock: systemClock };
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdout.write(`${JSON.stringify(await writeRacing(deps, Number(writer), Number(each)))}\n`);
database.close();
process.exit(0);
