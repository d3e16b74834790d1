import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** `relseal serve` in a process of its own, so that it can be killed like one. */
export interface ServerProcess {
  readonly url: string;
  /** SIGKILL: nothing is flushed, nothing is closed. */
  kill(): Promise<void>;
  /** SIGTERM, then waits for the end. */
  stop(): Promise<void>;
}

const READY = /^listening on (http:\S+)$/;

/** Starts the server and waits until it says where it listens. Throws with its last words when it ends before that. */
export async function startServer(cli: string, data: string, environment: NodeJS.ProcessEnv): Promise<ServerProcess> {
  const child: ChildProcess = spawn(process.execPath, [cli, 'serve', '--data', data], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // However this process ends, it leaves no server behind.
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  child.once('exit', () => process.removeListener('exit', killWithUs));
  const words: string[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code, signal) =>
      reject(new Error(`the server ended (${code ?? signal}): ${words.join('\n')}`)),
    );
    child.once('error', reject);
    for (const stream of [child.stdout, child.stderr])
      if (stream)
        createInterface({ input: stream }).on('line', (line) => {
          const ready = READY.exec(line);
          if (ready?.[1]) resolve(ready[1]);
          else if (words.push(line) > 20) words.shift();
        });
  });
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  return { url, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
