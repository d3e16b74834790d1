import type { TenantId } from '../../events/fields.ts';
import { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import { assertNever } from '../faults.ts';
import { escapeModulePath, escapeModuleVersion } from '../gosum/module-path.ts';
import { plainZipHasher } from '../gosum/zip-hashing.ts';
import { fromHex } from '../ledger/hex.ts';
import type { LoggedModule, ModuleLogHead } from '../ports/module-log-store.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { NoteSigner } from '../ports/note-signer.ts';
import type { ZipHasher } from '../ports/zip-hasher.ts';
import { TREE_ORIGIN } from '../sumdb/head.ts';
import { type Privacy, undecidedHost } from '../sumdb/privacy.ts';
import type { ProvedRecord } from '../sumdb/prove.ts';
import { formatCheckpoint } from '../tlog/checkpoint.ts';
import { rootOfEdge } from '../tlog/merkle.ts';
import { formatNote, formatSignatureLine, formatVerifierKey, verifierKeyOf } from '../tlog/note.ts';
import { encodeTile, parseLogPath, TILE_WIDTH, tileWidth } from '../tlog/tile.ts';
import type { Refusal } from '../verdict.ts';
import { hashModule } from './hash-module.ts';
import { type ModuleHashes, type PinDeps, pinModule } from './pin.ts';

/**
 * A tenant's module log in the protocol of a Go checksum database (https://go.dev/ref/mod#checksum-database). The go
 * command asks one database only, so this one is merged: a public module is proved in the public database first, then
 * its lines are logged here; a private one is logged as it is at its first use.
 */

export interface ModuleDatabaseDeps extends PinDeps {
  readonly tenant: TenantId;
  /** Name of the database and of its key, `host[/path]`, another than that of the ledger. */
  readonly name: string;
  /** The key of this tenant's database alone: a head says whose it is only by the key that signed it. */
  readonly signer: NoteSigner;
  classify(path: ModulePath): Privacy;
  /** Where private modules come from. */
  readonly modules: ModuleSource;
  /** Absent: zips are hashed in this thread. */
  readonly hasher?: ZipHasher;
  /** Proof of a public module's record. */
  prove(path: ModulePath, version: ModuleVersion): Promise<ProvedRecord>;
}

export type DatabaseAnswer =
  /** `forEver`: these bytes never change under this path. */
  | { readonly kind: 'found'; readonly bytes: Uint8Array; readonly text: boolean; readonly forEver: boolean }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly reason: Refusal };

const ABSENT: DatabaseAnswer = { kind: 'absent' };
const textAnswer = (text: string): DatabaseAnswer => ({
  ...{ kind: 'found', bytes: Buffer.from(text, 'utf8'), text: true, forEver: false },
});

const unescaped = (text: string) => text.replace(/!([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The module version of a lookup path; every other spelling is `undefined`. */
function lookedUp(escaped: string): { path: ModulePath; version: ModuleVersion } | undefined {
  const at = escaped.indexOf('@');
  const [path, version] = [unescaped(escaped.slice(0, Math.max(at, 0))), unescaped(escaped.slice(at + 1))];
  const [module, release] = [ModulePath.safeParse(path), ModuleVersion.safeParse(version)];
  if (!module.success || !release.success) return undefined;
  if (`${escapeModulePath(path)}@${escapeModuleVersion(version)}` !== escaped) return undefined;
  return { path: module.data, version: release.data };
}

type Hashes = { readonly hashes: ModuleHashes } | { readonly answer: DatabaseAnswer };

const refused = (reason: Refusal): Hashes => ({ answer: { kind: 'refused', reason } });

async function privateHashes(
  { modules, hasher = plainZipHasher }: ModuleDatabaseDeps,
  path: ModulePath,
  version: ModuleVersion,
) {
  const hashed = await hashModule(modules, hasher, path, version);
  if (hashed.kind === 'absent') return { answer: ABSENT };
  if (hashed.kind === 'hashed') return hashed;
  return refused({
    code: 'modulelog.zip-invalid',
    where: `${path}@${version}`.slice(0, 1024),
    expected: 'a valid module zip',
    found: hashed.why.slice(0, 1024),
    fix: 'Repair what serves the module: the go command would refuse this zip too.',
  });
}

/** The lines of a proved record. A version that the public database does not know is unknown here too. */
async function publicHashes({ prove }: ModuleDatabaseDeps, path: ModulePath, version: ModuleVersion): Promise<Hashes> {
  const answer = await prove(path, version);
  if (answer.kind === 'refused')
    return answer.reason.code === 'sumdb.unknown-module' ? { answer: ABSENT } : refused(answer.reason);
  const zipH1 = H1Digest.safeParse(answer.record.hashes.get(`${path} ${version}`));
  const goModH1 = H1Digest.safeParse(answer.record.hashes.get(`${path} ${version}/go.mod`));
  if (zipH1.success && goModH1.success) return { hashes: { path, version, zipH1: zipH1.data, goModH1: goModH1.data } };
  return refused({
    code: 'modulelog.record-incomplete',
    where: `${path}@${version}`.slice(0, 1024),
    expected: 'a record with an h1 of the zip and of go.mod',
    found: answer.record.text.slice(0, 1024),
    fix: 'Look at the record in the public database: it holds other lines than the go command writes.',
  });
}

function hashesOf(deps: ModuleDatabaseDeps, path: ModulePath, version: ModuleVersion): Promise<Hashes> {
  const privacy = deps.classify(path);
  switch (privacy) {
    case 'private':
      return privateHashes(deps, path, version);
    case 'public':
      return publicHashes(deps, path, version);
    case 'undecided':
      return Promise.resolve(refused(undecidedHost(path)));
    default:
      return assertNever(privacy);
  }
}

/** The database of one tenant. Faults are thrown: they are no answer, and the go command stops at them. */
export function moduleDatabase(deps: ModuleDatabaseDeps) {
  const { store, tenant, signer } = deps;
  let signed: { readonly size: number; readonly note: Promise<string> } | undefined;

  const key = async () => verifierKeyOf(deps.name, await signer.publicKey());

  async function sign({ size, edge }: ModuleLogHead): Promise<string> {
    const text = formatCheckpoint({ origin: TREE_ORIGIN, size, root: rootOfEdge(edge.map(fromHex)) });
    return formatNote(text, [formatSignatureLine(await key(), await signer.sign(Buffer.from(text, 'utf8')))]);
  }

  /** The head as a note; signing gives the same bytes each time, so the last one is kept. */
  async function latest(): Promise<string> {
    const head = await store.head(tenant);
    if (signed?.size === head.size) return signed.note;
    const note = sign(head);
    signed = { size: head.size, note };
    note.catch(() => {
      signed = undefined;
    });
    return note;
  }

  async function logged(path: ModulePath, version: ModuleVersion): Promise<LoggedModule | DatabaseAnswer> {
    const known = await store.find(tenant, path, version);
    if (known) return known;
    const found = await hashesOf(deps, path, version);
    if ('answer' in found) return found.answer;
    const trust = deps.classify(path) === 'public' ? 'upstream' : 'tofu';
    const pinned = await pinModule(deps, tenant, found.hashes, trust);
    return pinned.kind === 'pinned' ? pinned.module : pinned;
  }

  async function lookup(escaped: string): Promise<DatabaseAnswer> {
    const asked = lookedUp(escaped);
    if (!asked) return ABSENT;
    const module = await logged(asked.path, asked.version);
    // Logged before it is told: the head that follows is of a tree that holds it.
    return 'kind' in module ? module : textAnswer(`${module.index}\n${module.text}\n${await latest()}`);
  }

  async function tile(path: string): Promise<DatabaseAnswer> {
    const resource = parseLogPath(`tile/${path.replace(/^data\//, 'entries/')}`);
    if (!resource || resource.kind === 'checkpoint' || path.startsWith('entries/')) return ABSENT;
    const { index, width } = resource;
    const level = resource.kind === 'tile' ? resource.level : 0;
    if (width > tileWidth((await store.head(tenant)).size, level, index)) return ABSENT;
    const from = index * TILE_WIDTH;
    if (resource.kind === 'tile') {
      const hashes = await store.hashes(tenant, level, from, width);
      return { kind: 'found', bytes: encodeTile(hashes.map(fromHex)), text: false, forEver: true };
    }
    const modules = await store.modules(tenant, from, width);
    const bytes = Buffer.from(modules.map(({ text }) => `${text}\n`).join(''), 'utf8');
    return { kind: 'found', bytes, text: true, forEver: true };
  }

  return {
    /** What GOSUMDB names, before the URL. */
    verifierKey: async () => formatVerifierKey(await key()),
    /** The answer to a path of the protocol, without its first slash. */
    async answer(path: string): Promise<DatabaseAnswer> {
      if (path === 'supported') return textAnswer('');
      if (path === 'latest') return textAnswer(await latest());
      if (path.startsWith('lookup/')) return lookup(path.slice('lookup/'.length));
      return path.startsWith('tile/8/') ? tile(path.slice('tile/8/'.length)) : ABSENT;
    },
  };
}

export type ModuleDatabase = ReturnType<typeof moduleDatabase>;
