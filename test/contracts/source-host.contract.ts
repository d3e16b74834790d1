import { describe, expect, it } from 'vitest';
import { gitObjectId } from '../../core/git/object.ts';
import type { SourceHost } from '../../core/ports/source-host.ts';
import { GitSha } from '../../events/fields.ts';

/** One source that holds a tag of a commit whose tree has go.mod at its root. */
export interface SourceHostCase {
  readonly host: SourceHost;
  readonly tag: string;
  readonly commit: GitSha;
  /** Makes the source unreachable for good. */
  breakDown(): Promise<void>;
}

export function sourceHostContract(name: string, open: () => Promise<SourceHostCase>): void {
  describe(`${name} as a source host`, () => {
    it('resolves a tag to its commit', async () => {
      const { host, tag, commit } = await open();
      const resolution = host.kind === 'git' ? 'resolved' : 'claimed';
      expect(await host.resolveTag(tag, commit)).toMatchObject({ commit, resolution });
    });

    it('answers undefined for a tag that is not there', async () => {
      const { host, commit } = await open();
      for (const tag of ['v9.9.9', 'no-version', '../v1.0.0'])
        expect(await host.resolveTag(tag, commit)).toBeUndefined();
    });

    it('trusts its own tag before a claimed commit, and claims none by itself', async () => {
      const { host, tag, commit } = await open();
      const claimed = GitSha.parse('1'.repeat(40));
      const trusted = host.kind === 'git' ? commit : claimed;
      expect((await host.resolveTag(tag, claimed))?.commit).toBe(trusted);
      expect((await host.resolveTag(tag, undefined))?.commit).toBe(host.kind === 'git' ? commit : undefined);
    });

    it('shows the bytes of what a tag resolves to, where it can show objects', async () => {
      const { host, tag, commit } = await open();
      const raw = await host.rawTag(tag);
      expect(raw?.commit).toBe(host.kind === 'git' ? commit : undefined);
      if (raw) expect(gitObjectId({ type: 'commit', body: raw.commitObject })).toBe(commit);
      const { tagObject } = (await host.resolveTag(tag, commit)) ?? {};
      expect(raw?.tagObject && gitObjectId({ type: 'tag', body: raw.tagObject })).toBe(tagObject);
      for (const absent of ['v9.9.9', '../v1.0.0']) expect(await host.rawTag(absent)).toBeUndefined();
    });

    it('knows no change that was never proposed', async () => {
      const { host } = await open();
      for (const number of ['9', 'main', '../heads/main']) expect(await host.resolveChange(number)).toBeUndefined();
    });

    it('gives every regular file of the commit, the same each time', async () => {
      const { host, tag, commit } = await open();
      const files = await host.files(commit, tag);
      expect(files?.map(({ path }) => path)).toContain('go.mod');
      expect(new Set(files?.map(({ path }) => path)).size).toBe(files?.length);
      expect(await host.files(commit, tag)).toEqual(files);
    });

    it('answers undefined for a release whose tree is not there', async () => {
      const { host } = await open();
      expect(await host.files(GitSha.parse('2'.repeat(40)), 'v9.9.9')).toBeUndefined();
    });

    it('faults with SourceUnreachable when it cannot be read', async () => {
      const { host, tag, commit, breakDown } = await open();
      await breakDown();
      await expect(host.resolveTag(tag, commit)).rejects.toMatchObject({ name: 'SourceUnreachable' });
      await expect(host.files(commit, tag)).rejects.toMatchObject({ name: 'SourceUnreachable' });
    });
  });
}
