import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../test/fakes/fake-io.ts';
import { dataFolder } from './data-folder.ts';
import { defaultConfigText } from './default-config.ts';
import { loginCommand } from './login-command.ts';

const root = mkdtempSync(join(tmpdir(), 'login-command-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeAll(() => writeFile(dataFolder(root).config, defaultConfigText));

describe('relseal login', () => {
  it.each([
    ['no host', [], 'name one host'],
    ['two hosts', ['a.example.com', 'b.example.com'], 'name one host'],
    ['no data folder', ['a.example.com', '--data', ''], '--data is required'],
    [
      'a host without a login',
      ['a.example.com'],
      'the configuration has no credential of kind login for a.example.com',
    ],
  ])('is wrong usage with %s', async (_what, args, message) => {
    await expect(runCommand(loginCommand, ['--data', root, ...args])).rejects.toMatchObject({
      name: 'UsageError',
      message,
    });
  });
});
