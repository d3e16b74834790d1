import { once } from 'node:events';
import { localSecrets } from '../adapters/embedded/local-secrets.ts';
import { type Command, DATA_OPTION, EXIT, UsageError } from './command.ts';
import { configIssues } from './config-check.ts';
import { readConfigFile } from './config-file.ts';
import { findServer } from './control.ts';
import { dataFolder } from './data-folder.ts';
import { packageVersion } from './package-root.ts';
import { readPassphrase } from './passphrase.ts';
import { startServer } from './serve.ts';

export const serveCommand: Command = {
  name: 'serve',
  summary: 'run the server: webhooks in, workflows, ledger out',
  positionals: '',
  options: DATA_OPTION,
  run: async (given, io) => {
    const folder = dataFolder(given.required('data'));
    const secrets = localSecrets(io.environment, folder.root);
    const config = await readConfigFile(folder.config, (read) => configIssues(read, folder.root, secrets));
    const running = await findServer(folder);
    if (running) throw new UsageError(`a server already runs on this folder: ${running.url}`);
    const passphrase = await readPassphrase(io);
    const server = await startServer({
      folder,
      config,
      passphrase,
      environment: io.environment,
      version: packageVersion(),
      note: io.note,
    });
    io.out(`listening on ${server.url}`);
    if (!io.signal.aborted) await once(io.signal, 'abort');
    await server.close();
    return EXIT.done;
  },
};
