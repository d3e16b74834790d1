import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../test/fakes/fake-io.ts';
import { eventsNormaliseCommand as command } from './events-command.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../test/fixtures/${name}`, import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-normalise-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('relseal events normalise', () => {
  it('prints outcome, detail type and events of a stored body', async () => {
    const ran = await runCommand(command, ['github', fixture('github/push-tag-created.json'), '--json']);
    expect(ran.code).toBe(0);
    const { events, ...rest } = ran.json() as { events: unknown[] };
    expect(rest).toEqual({ outcome: 'emit', detailType: 'source.tag.pushed' });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ detailType: 'source.tag.pushed' });
  });

  it('prints the same document over several lines without --json', async () => {
    const args = ['distribution', fixture('distribution/push-index-multiarch.json')];
    const [long, short] = [await runCommand(command, args), await runCommand(command, [...args, '--json'])];
    expect(JSON.parse(long.out.join('\n'))).toEqual(short.json());
    expect(long.out[0]).toContain('\n');
  });

  it('tells why a body starts nothing, and that is no failure', async () => {
    const ran = await runCommand(command, ['github', fixture('github/push-branch.json')]);
    expect([ran.code, ran.notes]).toEqual([0, [expect.stringMatching(/^code: /)]]);
    expect(JSON.parse(ran.out.join('\n'))).toMatchObject({ outcome: 'ignore', detailType: null, events: [] });
  });

  it('refuses as usage an unknown source, a missing file, text that is no JSON, bad headers and a wrong count', async () => {
    const body = join(folder, 'push-tag.json');
    await copyFile(fixture('gitea/push-tag-annotated.json'), body);
    await writeFile(join(folder, 'push-tag.headers.json'), '{"x-gitea-event": 1}');
    const text = join(folder, 'text.json');
    await writeFile(text, 'ref=refs/tags/v1');
    for (const args of [
      ['nobody', body],
      ['github', join(folder, 'none.json')],
      ['github', text],
      ['gitea', body],
      [],
      ['github', body, body],
    ])
      await expect(runCommand(command, args), args.join(' ')).rejects.toMatchObject({ name: 'UsageError' });
  });
});
