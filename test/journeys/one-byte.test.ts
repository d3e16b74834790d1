import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Stores } from '../../cli/stores.ts';
import { parsePackIndex } from '../../core/git/pack-index.ts';
import { claimOf, entriesOfRun, post, until } from '../../demo/cases.ts';
import type { SignedDelivery } from '../../demo/deliveries.ts';
import { OWN_TENANT } from '../../demo/setup.ts';
import { TenantId } from '../../events/fields.ts';
import { imagePush, openWorld, tagPush, type World } from './world.ts';

/** Flips the lowest bit of one byte, by default the one in the middle. */
function flip(file: string, at?: number): void {
  const bytes = readFileSync(file);
  const place = at ?? Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
  chmodSync(file, 0o644);
  writeFileSync(file, bytes);
}

/** How a delivery ends: as its run does with its codes, or with the fault that keeps it from becoming one. */
function endOf(stores: Stores, delivery: SignedDelivery): Promise<string> {
  const [, , provider = '', instance = ''] = delivery.path.split('/');
  return until('end', async () => {
    const claim = await claimOf(stores, OWN_TENANT, delivery);
    if (claim && claim.status !== 'running') {
      const entries = await entriesOfRun(stores, OWN_TENANT, claim.runName);
      const reasons = entries.findLast(({ entry }) => entry.kind === 'verdict')?.entry.reasons ?? [];
      return [claim.status, claim.error, ...reasons.map(({ code }) => code)].filter(Boolean).join(' ');
    }
    const row = await stores.deliveries.get(TenantId.parse(OWN_TENANT), `${provider}/${instance}/${delivery.id}`);
    return row?.lastError;
  });
}

/** The end of the good tag and, when that passed, of its image. */
async function outcome(world: World): Promise<string[]> {
  const server = await world.serve();
  const stores = world.stores();
  try {
    const ends: string[] = [];
    for (const delivery of [tagPush(world, 'v1.0.0'), imagePush(world, 'good')]) {
      await post(server.url, delivery);
      ends.push(await endOf(stores, delivery));
      if (ends.at(-1) !== 'passed') break;
    }
    return ends;
  } finally {
    await server.close();
    stores.close();
  }
}

const database = 'proxy/sumdb/test-only.sumdb.example.com';
const modules = 'proxy/git.example.com/acme';
const pack = 'sample.git/objects/pack/pack-91afc3f51780d575164bd2e83532e1c01b340b09';
const blob = (digest: string) => `images/good/blobs/sha256/${digest.slice('sha256:'.length)}`;

const goodCommit = ({ setup }: World) => setup.inputs.commits['v1.0.0'];
const bytesOf = ({ setup }: World, path: string) => readFileSync(join(setup.inputs.root, path));

/** A digit of the commit that the tag's line names. */
function placeOfRef(world: World): number {
  const line = `${goodCommit(world)} refs/tags/v1.0.0`;
  return bytesOf(world, 'sample.git/packed-refs').indexOf(line) + 7;
}

/** The middle of the commit's own bytes in the pack. */
function placeOfCommit(world: World): number {
  const index = parsePackIndex(bytesOf(world, `${pack}.idx`), bytesOf(world, `${pack}.pack`).length);
  const { start, end } = index.find(goodCommit(world)) ?? { start: 0, end: 0 };
  return Math.floor((start + end) / 2);
}

/** Each input that the outcome rests on; the image's manifest and configuration are looked up by digest. */
const INPUTS: readonly [string, string | ((world: World) => string), (number | ((world: World) => number))?][] = [
  ['a zip of a direct requirement', `${modules}/flagset/@v/v1.0.5.zip`],
  ['the go.mod of a direct requirement', `${modules}/flagset/@v/v1.0.5.mod`],
  ['a zip of another requirement', `${modules}/greeting/@v/v0.2.0.zip`],
  ['a record of the checksum database', `${database}/lookup/git.example.com/acme/flagset@v1.0.5`, 60],
  ['the signature in a record', `${database}/lookup/git.example.com/acme/greeting@v0.2.0`, 340],
  ['the head of the checksum database', `${database}/latest`],
  ['a tile of the checksum database', `${database}/tile/8/0/000.p/9`],
  ['the ref of the tag', 'sample.git/packed-refs', placeOfRef],
  ['the index of its pack', `${pack}.idx`, 1100],
  ['the commit of the tag', `${pack}.pack`, placeOfCommit],
  ['the manifest of the image', ({ setup }) => blob(setup.inputs.images.good.digest)],
  ['the layer of the image', ({ setup }) => blob(setup.inputs.images.good.layer)],
];

describe('one changed byte of an input', () => {
  it('is no part of the baseline: unchanged inputs pass', async () => {
    const world = await openWorld();
    try {
      expect(await outcome(world)).toEqual(['passed', 'passed']);
    } finally {
      await world.close();
    }
  });

  for (const [name, path, at] of INPUTS)
    it(`changes the outcome when it is in ${name}`, async () => {
      const world = await openWorld();
      try {
        const file = join(world.setup.inputs.root, typeof path === 'string' ? path : path(world));
        flip(file, typeof at === 'function' ? at(world) : at);
        const ends = await outcome(world);
        expect(ends, ends.join(', ')).not.toEqual(['passed', 'passed']);
        expect(ends.at(-1)).toMatch(/^(?:refused|failed|fault:)/);
      } finally {
        await world.close();
      }
    });
});
