import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { gitFolderSource } from '../adapters/embedded/git-folder-source.ts';
import { copyDemoInputs, IMAGES, SAMPLE } from './inputs.ts';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
const target = mkdtempSync(join(tmpdir(), 'demo-inputs-'));
afterAll(() => rmSync(target, { recursive: true }));

const inputs = copyDemoInputs(fixtures, target);
const blobsOf = (folder: string) => {
  const blobs = join(inputs.root, folder, 'blobs', 'sha256');
  return readdirSync(blobs).map((name) => ({ name, bytes: readFileSync(join(blobs, name)) }));
};
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('the demo inputs', () => {
  it('name the commits that the repository has under these tags', async () => {
    const source = gitFolderSource(inputs.repository);
    for (const tag of Object.values(SAMPLE.tags))
      expect((await source.resolveTag(tag, undefined))?.commit).toBe(inputs.commits[tag]);
  });

  it('hold every blob under its own digest, but for the one that is flipped on purpose', () => {
    const wrongIn = (folder: string) =>
      blobsOf(folder).flatMap(({ name, bytes }) => (sha256(bytes) === name ? [] : [`sha256:${name}`]));
    for (const { folder } of [IMAGES.good, IMAGES.rehashed, IMAGES.otherCommit]) expect(wrongIn(folder)).toEqual([]);
    expect(wrongIn(IMAGES.flipped.folder)).toEqual([inputs.images.good.layer]);
  });

  it('stay small: layers below 1 MB, everything below 3 MB', () => {
    for (const { bytes } of blobsOf(IMAGES.good.folder)) expect(bytes.length).toBeLessThan(1_000_000);
    const files = readdirSync(fixtures, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const sizes = files.map((entry) => statSync(join(entry.parentPath, entry.name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(3_000_000);
  });
});
