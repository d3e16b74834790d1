import { expect, it } from 'vitest';
import * as z from 'zod';
import { parseEntry } from '../../core/ledger/entry.ts';
import { TenantId } from '../../events/fields.ts';
import { type EmulatorWorld, TENANT } from './emulator-world.ts';

/** Whom the deliveries of the demo name. */
const PERSON = 'demo-releaser';
const Known = z.object({ place: z.string(), objects: z.int().positive(), index: z.int().optional() });
const Answer = z.object({ kind: z.string(), found: z.array(Known).optional(), erased: z.array(Known).optional() });

/** A command as somebody runs it: who, and its words. */
type Command = (name: string, ...args: string[]) => Promise<{ code: unknown; stdout: string; stderr: string }>;

/** A person that the deliveries of a deployment name. */
export function describeErasure(worldOf: () => EmulatorWorld, command: Command): void {
  it('erases a person for whoever may, once, and says so on the ledger', async () => {
    const { stores } = worldOf();
    const dry = await command('alice', 'erase', PERSON, '--dry-run');
    expect([dry.code, dry.stderr]).toEqual([0, '']);
    const { found = [] } = Answer.parse(JSON.parse(dry.stdout));
    expect(found.length).toBeGreaterThan(0);
    for (const name of ['a stranger', 'mallory', 'bob'])
      expect(await command(name, 'erase', PERSON), name).toMatchObject({ code: 3, stdout: '' });
    const ran = await command('alice', 'erase', PERSON);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const { erased = [] } = Answer.parse(JSON.parse(ran.stdout));
    expect(erased.map(({ place, objects }) => ({ place, objects }))).toEqual(
      found.map(({ place, objects }) => ({ place, objects })),
    );
    for (const { index = -1 } of erased) {
      const [bytes = new Uint8Array()] = await stores.ledger.entries(TenantId.parse(TENANT), index, 1);
      expect(parseEntry(bytes)).toMatchObject({ kind: 'erasure', actor: { authenticated: 'aws-iam' } });
    }
    const again = await command('alice', 'erase', PERSON);
    expect([again.code, again.stdout]).toEqual([1, '{"kind":"refused","code":"erase.unknown-person"}\n']);
  });
}
