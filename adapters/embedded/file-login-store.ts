import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import type { LoginStore } from '../../core/ports/login-store.ts';
import { replaceFile } from './replace-file.ts';

const Login = z.strictObject({ host: z.string().min(1), refreshToken: z.string().min(1).max(65_536) });
type Login = z.infer<typeof Login>;

/** What a file holds; nothing of it is told where it is no login, since a part of it may be a token. */
function readLogin(text: string): Login | undefined {
  try {
    return Login.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** One file for each host in a folder that only its owner may enter. */
export function fileLoginStore(folder: string): LoginStore {
  // A host with a port is no file name everywhere.
  const fileOf = (host: string) => join(folder, `${createHash('sha256').update(host).digest('hex').slice(0, 32)}.json`);
  return {
    async load(host) {
      let text: string;
      try {
        text = await readFile(fileOf(host), 'utf8');
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw new Fault('StoreUnavailable', `the login of ${host} cannot be read`, { cause: error });
      }
      const login = readLogin(text);
      if (login?.host !== host)
        throw new Fault('ConfigurationInvalid', `the login of ${host} is damaged: log in again`);
      return login.refreshToken;
    },
    async save(host, refreshToken) {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await chmod(folder, 0o700);
        await replaceFile(fileOf(host), JSON.stringify({ host, refreshToken }), 0o600);
      } catch (error) {
        throw new Fault('StoreUnavailable', `the login of ${host} cannot be kept`, { cause: error });
      }
    },
  };
}
