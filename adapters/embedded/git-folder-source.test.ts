import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { gitObjectId } from '../../core/git/object.ts';
import { GitSha } from '../../events/fields.ts';
import { gitFolderSource } from './git-folder-source.ts';

const SAMPLE = fileURLToPath(new URL('../../demo/fixtures/sample.git', import.meta.url));
const TAGS = ['v1.0.0', 'v1.0.1', 'v1.0.2', 'v1.0.3', 'v1.0.4'];

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A copy of the sample's repository that a test may damage. */
function sampleCopy(): string {
  const folder = mkdtempSync(join(tmpdir(), 'git-folder-'));
  folders.push(folder);
  cpSync(SAMPLE, folder, { recursive: true });
  return folder;
}

const fileOf = (folder: string, ending: string): string => {
  const pack = join(folder, 'objects', 'pack');
  return join(pack, readdirSync(pack).find((name) => name.endsWith(ending)) ?? ending);
};

/** Every tag's commit, and its files as text. */
async function everythingIn(folder: string): Promise<string> {
  const source = gitFolderSource(folder);
  const found = [];
  for (const tag of TAGS) {
    const resolved = await source.resolveTag(tag, undefined);
    const files = resolved && (await source.files(resolved.commit, tag));
    found.push([tag, resolved, files?.map(({ path, bytes }) => [path, Buffer.from(bytes).toString('base64')])]);
  }
  return JSON.stringify(found);
}

function writeLoose(folder: string, type: 'blob' | 'tag', body: Uint8Array): GitSha {
  const id = gitObjectId({ type, body });
  mkdirSync(join(folder, 'objects', id.slice(0, 2)), { recursive: true });
  const stored = deflateSync(Buffer.concat([Buffer.from(`${type} ${body.length}\0`), body]));
  writeFileSync(join(folder, 'objects', id.slice(0, 2), id.slice(2)), stored);
  return id;
}

function writeTag(folder: string, tag: string, id: string): void {
  mkdirSync(join(folder, 'refs', 'tags', tag, '..'), { recursive: true });
  writeFileSync(join(folder, 'refs', 'tags', tag), `${id}\n`);
}

describe('a git folder', () => {
  it('shows the files of a packed tag', async () => {
    const source = gitFolderSource(SAMPLE);
    const tag = await source.resolveTag('v1.0.0', undefined);
    const files = (tag && (await source.files(tag.commit, 'v1.0.0'))) ?? [];
    expect(files.map(({ path }) => path)).toEqual(['LICENSE', 'README.md', 'go.mod', 'go.sum', 'main.go']);
    expect(new TextDecoder().decode(files[2]?.bytes)).toMatch(/^module git\.example\.com\/acme\/sample\n/);
  });

  it('prefers a loose ref to a packed one and follows annotated tags', async () => {
    const folder = sampleCopy();
    const [good, other] = await Promise.all(
      ['v1.0.0', 'v1.0.3'].map((tag) => gitFolderSource(folder).resolveTag(tag, undefined)),
    );
    const body = Buffer.from(`object ${other?.commit}\ntype commit\ntag v1.0.0\n\nmoved\n`);
    const annotated = writeLoose(folder, 'tag', body);
    writeTag(folder, 'v1.0.0', annotated);
    writeTag(folder, 'sub/v1.0.0', `${good?.commit}`);
    expect(await gitFolderSource(folder).resolveTag('v1.0.0', undefined)).toEqual({
      commit: other?.commit,
      tagObject: annotated,
      resolution: 'resolved',
    });
    expect((await gitFolderSource(folder).resolveTag('sub/v1.0.0', undefined))?.commit).toBe(good?.commit);
    expect(await gitFolderSource(folder).resolveTag('sub', undefined)).toBeUndefined();
  });

  it('gives the same answers or none when any byte of its pack or index is changed', async () => {
    const truth = await everythingIn(SAMPLE);
    const folder = sampleCopy();
    for (const ending of ['.pack', '.idx']) {
      const file = fileOf(folder, ending);
      const whole = readFileSync(file);
      for (let at = 0; at < whole.length; at += 7) {
        rmSync(file);
        const changed = Buffer.from(whole);
        changed.writeUInt8(whole.readUInt8(at) ^ 0x10, at);
        writeFileSync(file, changed);
        const answer = await everythingIn(folder).catch(({ name }) => name);
        expect(['SourceUnreachable', 'LimitExceeded', truth], `${ending} byte ${at}`).toContain(answer);
      }
      rmSync(file);
      writeFileSync(file, whole);
    }
  });

  it('cannot be read when its pack is cut short or gone', async () => {
    const folder = sampleCopy();
    const pack = fileOf(folder, '.pack');
    const whole = readFileSync(pack);
    rmSync(pack);
    await expect(everythingIn(folder)).rejects.toMatchObject({ name: 'SourceUnreachable' });
    writeFileSync(pack, whole.subarray(0, whole.length / 2));
    await expect(everythingIn(folder)).rejects.toMatchObject({ name: 'SourceUnreachable' });
  });

  it('cannot be read when an object lies under the id of another', async () => {
    const folder = sampleCopy();
    const id = writeLoose(folder, 'blob', Buffer.from('one'));
    const path = join(folder, 'objects', id.slice(0, 2), id.slice(2));
    writeFileSync(path, deflateSync(Buffer.from('blob 3\0two')));
    writeTag(folder, 'v2.0.0', id);
    await expect(gitFolderSource(folder).resolveTag('v2.0.0', undefined)).rejects.toThrow(/other bytes/);
  });

  it('is refused when it borrows objects from another repository', async () => {
    const folder = sampleCopy();
    mkdirSync(join(folder, 'objects', 'info'), { recursive: true });
    writeFileSync(join(folder, 'objects', 'info', 'alternates'), '/srv/other.git/objects\n');
    await expect(everythingIn(folder)).rejects.toMatchObject({ name: 'ConfigurationInvalid' });
  });

  it('never looks like a repository without tags when there is none', async () => {
    const source = gitFolderSource(join(sampleCopy(), 'missing'));
    await expect(source.resolveTag('v1.0.0', undefined)).rejects.toMatchObject({ name: 'SourceUnreachable' });
    await expect(source.files(GitSha.parse('1'.repeat(40)), 'v1.0.0')).rejects.toMatchObject({
      name: 'SourceUnreachable',
    });
  });
});
