import { describe, expect, it } from 'vitest';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryHeadStore } from '../../test/fakes/memory-head-store.ts';
import { memoryModuleLog } from '../../test/fakes/memory-module-log.ts';
import { ACME, type SmallModule, smallModule, sourceOf } from '../../test/fakes/module-log-world.ts';
import { testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { linesOf, pinModule } from '../modulelog/pin.ts';
import { classifyModule } from '../sumdb/privacy.ts';
import { verifyModuleHashes } from './verify-modules.ts';

const OWN = smallModule('git.example.com/acme/own');
const OTHER = smallModule('git.example.com/acme/other');
const OPEN = smallModule('example.com/open');
const STRANGERS = ['a', 'b'].map((name) => smallModule(`elsewhere.example.org/${name}`));
const PRIVACY = { private: [], own: ['git.example.com'], public: ['example.com'] };

/** Verifies a go.sum of modules that are served as they are; `log` is the tenant's module log afterwards. */
function world(served: readonly SmallModule[]) {
  const store = memoryModuleLog();
  const database = testChecksumDatabase([{ ...OPEN, module: OPEN.path }]);
  const clock = fixedClock();
  const verify = (goSum: string) =>
    verifyModuleHashes(
      {
        ...{ modules: sourceOf(() => served), database, heads: memoryHeadStore(), settings: { private: [] } },
        classify: (path) => classifyModule(path, PRIVACY),
        pin: (hashes) => pinModule({ store, clock }, ACME, hashes, 'tofu'),
      },
      { goMod: Buffer.from('module git.example.com/acme/m\n'), goSum: Buffer.from(goSum), released: undefined },
    );
  const logged = async () => (await store.modules(ACME, 0, 10)).map(({ path, text }) => ({ path, text }));
  return { database, verify, logged };
}
const zipLine = (module: SmallModule) => `${linesOf(module).split('\n', 1)[0]}\n`;
const recordOf = (module: SmallModule) => ({ path: module.path, text: linesOf(module) });

describe('private modules of a go.sum', () => {
  it('are logged by both hashes at their first use, and public ones are not', async () => {
    const { verify, logged } = world([OWN, OTHER, OPEN]);
    const { reasons, pinned } = await verify([OWN, OTHER, OPEN].map(linesOf).join(''));
    expect([reasons, pinned]).toEqual([[], 2]);
    expect(await logged()).toEqual(expect.arrayContaining([recordOf(OWN), recordOf(OTHER)]));
    expect(await logged()).toHaveLength(2);
  });

  it('are counted alike whether they were logged before or are now', async () => {
    const { verify, logged } = world([OWN, OTHER]);
    await verify(linesOf(OWN));
    expect(await verify(linesOf(OWN) + linesOf(OTHER))).toMatchObject({ reasons: [], pinned: 2 });
    expect(await logged()).toEqual([recordOf(OWN), recordOf(OTHER)]);
  });

  it('without a go.mod line are logged by the go.mod that is served', async () => {
    const { verify, logged } = world([OWN]);
    expect(await verify(zipLine(OWN))).toMatchObject({ reasons: [], pinned: 1 });
    expect(await logged()).toEqual([recordOf(OWN)]);
  });

  it('are refused once they are others than at their first use', async () => {
    const served = [OWN];
    const { verify, logged } = world(served);
    await verify(linesOf(OWN));
    const changed = smallModule(OWN.path, OWN.version, 'package changed\n');
    served.splice(0, 1, changed);
    const { reasons, pinned } = await verify(linesOf(changed));
    expect(reasons).toMatchObject([{ code: 'modulelog.changed', where: `${OWN.path}@${OWN.version}` }]);
    expect(pinned).toBe(0);
    expect(await logged()).toEqual([recordOf(OWN)]);
  });

  it('are never logged where a line of theirs is bad', async () => {
    const { verify, logged } = world([OWN, OTHER]);
    const other = (text: string, h1: string) => text.replace(h1, `h1:${'A'.repeat(43)}=`);
    for (const text of [
      other(linesOf(OWN), OWN.zipH1),
      other(linesOf(OWN), OWN.goModH1),
      linesOf(smallModule('git.example.com/acme/gone')),
    ]) {
      const { reasons, pinned } = await verify(text);
      expect([reasons.length > 0, pinned]).toEqual([true, 0]);
    }
    expect(await logged()).toEqual([]);
  });
});

describe('modules of a host that nobody decided on', () => {
  it('are refused once a host, are asked for nowhere and logged nowhere', async () => {
    const { database, verify, logged } = world([...STRANGERS, OPEN]);
    const { reasons, lines, pinned } = await verify(linesOf(OPEN) + STRANGERS.map(linesOf).join(''));
    expect(reasons).toMatchObject([
      { code: 'modpolicy.host-undecided', where: 'go.sum:3', found: 'none for elsewhere.example.org' },
    ]);
    expect(lines.map(({ proved }) => proved)).toEqual(['database', 'database', ...Array(4).fill('refused')]);
    expect(pinned).toBe(0);
    expect(await logged()).toEqual([]);
    expect(database.asked.filter((asked) => asked.startsWith('lookup'))).toEqual(['lookup example.com/open@v1.0.0']);
  });
});
