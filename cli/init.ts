import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createKeyFile } from '../adapters/embedded/key-file.ts';
import { type Command, DATA_OPTION, EXIT, UsageError } from './command.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { defaultConfigText } from './default-config.ts';
import { packageRoot } from './package-root.ts';
import { readPassphrase } from './passphrase.ts';

/** The two keys of a data folder: one signs artifacts, the other checkpoints. Existing ones are kept. */
export async function createKeys(folder: DataFolder, passphrase: string): Promise<void> {
  await mkdir(join(folder.root, 'keys'), { recursive: true });
  if (!existsSync(folder.artifactKey)) await createKeyFile(folder.artifactKey, 'artifact', passphrase);
  if (!existsSync(folder.logKey)) await createKeyFile(folder.logKey, 'note', passphrase);
}

export const initCommand: Command = {
  name: 'init',
  summary: 'write a commented configuration, a policy, keys and a webhook secret',
  positionals: '',
  options: DATA_OPTION,
  run: async (given, io) => {
    const folder = dataFolder(given.required('data'));
    if (existsSync(folder.config)) throw new UsageError(`${folder.config} exists; nothing was changed`);
    const passphrase = await readPassphrase(io);
    await mkdir(folder.secrets, { recursive: true, mode: 0o700 });
    await createKeys(folder, passphrase);
    const secret = () => `${randomBytes(24).toString('base64url')}\n`;
    for (const name of ['github', 'pseudonyms']) await writeFile(join(folder.secrets, name), secret(), { mode: 0o600 });
    await copyFile(join(packageRoot, 'demo', 'policy.yaml'), folder.policy);
    // Last, so that a folder with a configuration is a whole one.
    await writeFile(folder.config, defaultConfigText, { flag: 'wx' });
    io.out(`wrote ${folder.config}; the webhook secret is in ${join(folder.secrets, 'github')}`);
    io.out(`next: relseal serve --data ${folder.root}`);
    return EXIT.done;
  },
};
