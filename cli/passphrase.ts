import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { type Io, UsageError } from './command.ts';

const VARIABLE = 'RELSEAL_KEY_PASSPHRASE_FILE';

async function askOnTerminal(io: Io): Promise<string> {
  let muted = false;
  const output = new Writable({
    write: (chunk, _encoding, done) => {
      if (!muted) process.stderr.write(chunk);
      done();
    },
  });
  const reader = createInterface({ input: io.stdin, output, terminal: true });
  try {
    const answer = reader.question('Passphrase of the key files: ', { signal: io.signal });
    muted = true;
    return await answer;
  } finally {
    reader.close();
    process.stderr.write('\n');
  }
}

/** The passphrase of the key files: the file the variable names, else asked on a terminal, else a usage error. */
export async function readPassphrase(io: Io): Promise<string> {
  const file = io.environment[VARIABLE];
  if (file) {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new UsageError(`${VARIABLE}: ${error instanceof Error ? error.message : 'cannot be read'}`);
    });
    const passphrase = text.replace(/\r?\n$/, '');
    if (passphrase === '') throw new UsageError(`${VARIABLE}: the file is empty`);
    return passphrase;
  }
  if (!io.stdin.isTTY) throw new UsageError(`no terminal to ask on: name a file in ${VARIABLE}`);
  const passphrase = await askOnTerminal(io);
  if (passphrase === '') throw new UsageError('an empty passphrase protects nothing');
  return passphrase;
}
