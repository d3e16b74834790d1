import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyLog } from '../core/ledger/verify.ts';
import { parseVerifierKey } from '../core/tlog/note.ts';

/** The full check of a log folder in a process of its own, so that its peak memory is its own: FOLDER VKEY. */
const [folder = '', vkey = ''] = process.argv.slice(2);
const read = (path: string) => readFile(join(folder, path));
const [began, before] = [performance.now(), process.cpuUsage()];
const { entries, problems } = await verifyLog(read, parseVerifierKey(vkey));
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
if (problems.length > 0) throw new Error(JSON.stringify(problems.slice(0, 3)));
const cpuUs = (user + system) / entries;
process.stdout.write(JSON.stringify({ entries, seconds, cpuUs, peakMib: process.resourceUsage().maxRSS / 1024 }));
