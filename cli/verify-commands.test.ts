import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { gitFolderSource } from '../adapters/embedded/git-folder-source.ts';
import { OciLayoutRegistry } from '../adapters/embedded/oci-layout-registry.ts';
import type { Registry } from '../core/ports/registry.ts';
import { bundleBytes } from '../core/signing/bundle.ts';
import { dsseDigest } from '../core/signing/dsse.ts';
import { attachReferrer, digestOf } from '../core/signing/referrer.ts';
import { signStatement } from '../core/signing/statement.ts';
import { copyDemoInputs, type DemoInputs, IMAGES, SAMPLE } from '../demo/inputs.ts';
import { OciDigest } from '../events/fields.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { memorySigner } from '../test/fakes/memory-signers.ts';
import { dataFolder } from './data-folder.ts';
import { goSettingsOf, readGoVariables } from './go-env.ts';
import { hostsOf } from './module-access.ts';
import { openStores } from './stores.ts';
import { verifyImageCommand, verifyModulesCommand } from './verify-commands.ts';

let root: string;
let inputs: DemoInputs;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-verify-'));
  inputs = copyDemoInputs(fileURLToPath(new URL('../demo/fixtures', import.meta.url)), join(root, 'inputs'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** Serves files below a folder on loopback; counts what was asked for. */
async function serveFolder(folder: string): Promise<{ host: string; url: string; asked: string[]; server: Server }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/');
    asked.push(path);
    readFile(join(folder, path)).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const host = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  return { host, url: `http://${host}`, asked, server };
}

/** The tree of a tag of the sample as a folder. */
async function sampleAt(tag: keyof DemoInputs['commits']): Promise<string> {
  const folder = join(root, `sample-${tag}`);
  const files = await gitFolderSource(inputs.repository).files(inputs.commits[tag], tag);
  for (const { path, bytes } of files ?? []) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}

const fileProxy = () => ({ GOPROXY: pathToFileURL(inputs.proxy).href, GOSUMDB: inputs.verifierKey });
const verifyModules = (target: string, environment: Record<string, string> = fileProxy(), ...more: string[]) =>
  runCommand(verifyModulesCommand, [target, '--json', ...more], { environment });
const codesOf = (report: unknown): string[] => {
  const { reasons } = report as { reasons: { code: string }[] };
  return reasons.map(({ code }) => code);
};

describe('relseal verify modules', () => {
  it('passes a folder whose every go.sum line is proved', async () => {
    const ran = await verifyModules(await sampleAt(SAMPLE.tags.good));
    expect([ran.code, ran.json()]).toMatchObject([0, { outcome: 'pass', reasons: [], unchecked: [] }]);
    const { lines } = ran.json() as { lines: { proved: string; recomputed: string; h1: string }[] };
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.every(({ proved, recomputed, h1 }) => proved === 'database' && recomputed === h1)).toBe(true);
  });

  it('refuses an edited line and a deleted one, each with its code, place and fix', async () => {
    const edited = await verifyModules(await sampleAt(SAMPLE.tags.lineEdited));
    expect([edited.code, codesOf(edited.json())]).toEqual([1, [SAMPLE.codes.lineEdited]]);
    const deleted = await verifyModules(await sampleAt(SAMPLE.tags.lineDeleted));
    expect([deleted.code, codesOf(deleted.json())]).toEqual([1, [SAMPLE.codes.lineDeleted]]);
    expect(deleted.json()).toMatchObject({
      reasons: [{ where: expect.stringMatching(/^go\.mod:\d+$/), fix: expect.any(String) }],
    });
  });

  it('refuses a folder whose go.sum is gone, and one whose go.mod is no go.mod', async () => {
    const folder = await sampleAt(SAMPLE.tags.killed);
    await rm(join(folder, 'go.sum'));
    expect(codesOf((await verifyModules(folder)).json())).toEqual(['gosum.file-missing']);
    await writeFile(join(folder, 'go.mod'), 'module\n');
    expect(codesOf((await verifyModules(folder)).json())).toEqual(['gosum.go-mod-malformed']);
  });

  it('verifies a published version through a proxy over http on loopback, its own two hashes too', async () => {
    const { url } = await serveFolder(inputs.proxy);
    const environment = { ...fileProxy(), GOPROXY: url };
    const ran = await verifyModules('git.example.com/acme/command@v1.0.0', environment);
    expect([ran.code, ran.json()]).toMatchObject([0, { outcome: 'pass', release: { proved: 'database' } }]);
    const gone = await verifyModules('git.example.com/acme/command@v1.0.9', environment);
    expect([gone.code, codesOf(gone.json())]).toEqual([1, ['gosum.module-missing']]);
  });

  it('says that it could not check, with exit code 3, where the proxy is down or off, and repeats no password', async () => {
    const { url, server } = await serveFolder(inputs.proxy);
    await new Promise((closed) => server.close(closed));
    const folder = await sampleAt(SAMPLE.tags.good);
    for (const GOPROXY of [url.replace('//', '//me:secret@'), 'off', 'direct']) {
      const ran = await verifyModules(folder, { ...fileProxy(), GOPROXY });
      expect([ran.code, ran.json()], GOPROXY).toMatchObject([
        3,
        { outcome: 'not-checked', unchecked: [{ fix: expect.stringContaining('GOPROXY') }] },
      ]);
      expect(JSON.stringify(ran)).not.toContain('secret');
    }
  });

  it('asks the database where GOSUMDB says it is, past the proxy', async () => {
    const { url, asked } = await serveFolder(join(inputs.proxy, 'sumdb', 'test-only.sumdb.example.com'));
    const ran = await verifyModules(await sampleAt(SAMPLE.tags.good), {
      ...fileProxy(),
      GOSUMDB: `${inputs.verifierKey} ${url}`,
    });
    expect(ran.code).toBe(0);
    expect(asked).toContain('/latest');
  });

  it.each<[Record<string, string>, goodCode: number, editedCode: number]>([
    [{ GOFLAGS: '-insecure', GONOSUMCHECK: '1', GOINSECURE: '*' }, 0, 1],
    [{ GOSUMDB: 'off' }, 3, 1],
    [{ GOPRIVATE: '*' }, 3, 3],
    [{ GONOSUMDB: '*' }, 3, 3],
    [{ GONOPROXY: 'git.example.com/acme' }, 3, 3],
  ])(
    'is not relaxed by %j: an edited folder does not pass, and no unproved one',
    async (more, goodCode, editedCode) => {
      const environment = { ...fileProxy(), ...more };
      const good = await verifyModules(await sampleAt(SAMPLE.tags.good), environment);
      const edited = await verifyModules(await sampleAt(SAMPLE.tags.lineEdited), environment);
      expect([good.code, edited.code]).toEqual([goodCode, editedCode]);
    },
  );

  it('asks nobody about what the environment calls private, until it is told whether to believe that', async () => {
    const { url, asked } = await serveFolder(inputs.proxy);
    const environment = { ...fileProxy(), GOPROXY: url, GOPRIVATE: 'git.example.com/acme/*' };
    const ran = await verifyModules(await sampleAt(SAMPLE.tags.good), environment);
    expect(ran.json()).toMatchObject({
      outcome: 'not-checked',
      unchecked: [{ why: expect.stringContaining('GOPRIVATE') }],
    });
    await verifyModules('git.example.com/acme/command@v1.0.0', environment);
    expect(asked).toEqual([]);
    const fix = await verifyModules(await sampleAt(SAMPLE.tags.good), { ...environment, GOPRIVATE: 'none' });
    expect(fix.code).toBe(0);
  });

  it('leaves private modules out with --trust-env, checks the rest, and exits 3', async () => {
    const { url, asked } = await serveFolder(inputs.proxy);
    const { module } = SAMPLE.requirement;
    const environment = { ...fileProxy(), GOPROXY: url, GOPRIVATE: module };
    const good = await verifyModules(await sampleAt(SAMPLE.tags.good), environment, '--trust-env');
    expect([good.code, good.json()]).toMatchObject([3, { unchecked: [{ what: expect.stringContaining(module) }] }]);
    expect(asked.filter((path) => path.includes('flagset'))).toEqual([]);
    expect(asked.filter((path) => path.includes('greeting')).length).toBeGreaterThan(0);
    const deleted = await verifyModules(await sampleAt(SAMPLE.tags.lineDeleted), environment, '--trust-env');
    expect([deleted.code, codesOf(deleted.json())]).toEqual([1, [SAMPLE.codes.lineDeleted]]);
    const itself = await verifyModules(`${module}@v1.0.5`, environment, '--trust-env');
    expect(itself.code).toBe(3);
  });

  it('still hashes what only the database must not be asked about', async () => {
    const environment = { ...fileProxy(), GONOSUMDB: 'git.example.com' };
    expect((await verifyModules(await sampleAt(SAMPLE.tags.good), environment, '--trust-env')).code).toBe(3);
    const edited = await verifyModules(await sampleAt(SAMPLE.tags.lineEdited), environment, '--trust-env');
    expect([edited.code, codesOf(edited.json())]).toEqual([1, [SAMPLE.codes.lineEdited]]);
  });

  it('tells a reader what was refused and what was not checked', async () => {
    const environment = { ...fileProxy(), GOSUMDB: 'off', GOINSECURE: '*' };
    const ran = await runCommand(verifyModulesCommand, [await sampleAt(SAMPLE.tags.lineEdited)], { environment });
    const shown = ran.out.join('\n');
    expect(shown).toMatch(/^refuse {2}/);
    for (const word of ['gosum.mismatch at go.sum:', 'expected', 'found', 'fix', 'not checked: the checksum database'])
      expect(shown).toContain(word);
    expect(ran.notes.join('\n')).toContain('GOINSECURE is set and not followed');
  });

  it('keeps the head of the database in a data folder, and goes on from none that its key did not sign', async () => {
    const data = dataFolder(join(root, 'heads'));
    const folder = await sampleAt(SAMPLE.tags.good);
    const first = await verifyModules(folder, fileProxy(), '--data', data.root);
    const { head } = z
      .object({ database: z.object({ log: z.string(), size: z.int(), note: z.string() }) })
      .transform(({ database }) => ({ head: database }))
      .parse(first.json());
    const stores = openStores(data);
    expect(await stores.heads.load(head.log)).toMatchObject({ size: head.size, note: head.note });
    await stores.heads.save(head.log, { size: head.size + 1, note: head.note.replace(/\n9\n/, '\n10\n') });
    stores.close();
    const next = await verifyModules(folder, fileProxy(), '--data', data.root);
    expect([next.code, next.json()]).toMatchObject([
      3,
      { unchecked: [{ why: expect.stringContaining('EvidenceMissing') }] },
    ]);
  });

  it('reaches the hosts that the settings name and no other', async () => {
    const settings = await readGoVariables({
      GOENV: 'off',
      GOPROXY: 'https://me:secret@a.example.com/x|proxy.golang.org,off',
    });
    expect(hostsOf(goSettingsOf(settings)).map(({ host }) => host)).toEqual([
      'storage.googleapis.com',
      'a.example.com',
      'proxy.golang.org',
      'sum.golang.org',
    ]);
  });

  it.each(['https://git.example.com', 'git.example.com/acme', 'git.example.com:', 'GIT.example.com'])(
    'refuses %s, which is no host of modules',
    async (hosts) => {
      const ran = verifyModules(await sampleAt(SAMPLE.tags.good), fileProxy(), '--direct-hosts', hosts);
      await expect(ran).rejects.toMatchObject({ name: 'UsageError', message: expect.stringContaining('no host') });
    },
  );

  it('stops when it is interrupted', async () => {
    const options = { environment: fileProxy(), signal: AbortSignal.abort() };
    await expect(runCommand(verifyModulesCommand, [await sampleAt(SAMPLE.tags.good)], options)).rejects.toThrow();
  });

  it.each([
    ['nothing', []],
    ['two targets', ['a', 'b']],
    ['neither a folder nor a version', ['nowhere']],
    ['a version that is none', ['example.com/m@latest']],
    ['a path that is none', ['UPPER//x@v1.0.0']],
    ['a folder without go.mod', ['.ci']],
  ])('refuses %s as wrong usage', async (_what, args) => {
    await expect(runCommand(verifyModulesCommand, args)).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('refuses settings that are none', async () => {
    const folder = await sampleAt(SAMPLE.tags.good);
    for (const more of [{ GOSUMDB: 'sum.example.com' }, { GOPROXY: 'ftp://proxy.example.com' }])
      await expect(verifyModules(folder, { ...fileProxy(), ...more })).rejects.toMatchObject({
        name: 'ConfigurationInvalid',
      });
  });
});

const REPOSITORY = 'registry.example.com/acme/sample';

/** Signs a digest as the release would: for a repository, or with another statement. */
async function sign(registry: Registry, digest: OciDigest, what: string | Uint8Array, signer = memorySigner()) {
  const spki = await signer.publicKey();
  const payload = typeof what === 'string' ? signStatement(what, digest) : what;
  const manifest = await registry.manifest(digest);
  const subject = { mediaType: manifest?.mediaType ?? '', digest, size: manifest?.bytes.length ?? 0 };
  const bundle = bundleBytes(spki, payload, await signer.sign(dsseDigest(payload)));
  await attachReferrer(registry, subject, bundle, '2026-01-02T03:04:05Z');
  return signer;
}

async function pemOf(name: string, spki: Uint8Array): Promise<string> {
  const file = join(root, `${name}.pem`);
  const base64 = Buffer.from(spki).toString('base64').replace(/.{64}/g, '$&\n');
  await writeFile(file, `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`);
  return file;
}

const verifyImage = (reference: string, key: string, ...more: string[]) =>
  runCommand(verifyImageCommand, [reference, '--key', key, '--json', ...more]);

describe('relseal verify image', () => {
  let layout: string;
  let digest: OciDigest;
  let key: string;
  beforeAll(async () => {
    layout = join(inputs.root, IMAGES.good.folder);
    digest = inputs.images.good.digest;
    const signer = await sign(new OciLayoutRegistry(layout, REPOSITORY), digest, REPOSITORY);
    key = await pemOf('good', await signer.publicKey());
  });

  it('passes a signed image and tells for which repository it was signed', async () => {
    const ran = await verifyImage(`oci:${layout}@${digest}`, key);
    expect([ran.code, ran.json()]).toMatchObject([
      0,
      { outcome: 'pass', digest, signatures: [{ repository: REPOSITORY }] },
    ]);
    expect((await verifyImage(`oci:${layout}@${digest}`, key, '--repository', REPOSITORY)).code).toBe(0);
  });

  it('resolves a tag and prints the digest that was verified', async () => {
    const ran = await verifyImage(`oci:${layout}:${IMAGES.tag}`, key);
    expect([ran.code, ran.json()]).toMatchObject([0, { digest, target: `oci:${layout}:${IMAGES.tag} (${digest})` }]);
    const gone = await verifyImage(`oci:${layout}:v9.9.9`, key);
    expect([gone.code, codesOf(gone.json())]).toEqual([1, ['oci.tag-missing']]);
  });

  it('refuses an image without a signature', async () => {
    const folder = join(inputs.root, IMAGES.rehashed.folder);
    const ran = await verifyImage(`oci:${folder}@${inputs.images.rehashed.digest}`, key);
    expect([ran.code, codesOf(ran.json())]).toEqual([1, ['signature.missing']]);
  });

  it('refuses a signature by another key, and one for another repository', async () => {
    const other = await pemOf('other', await memorySigner().publicKey());
    const foreign = await verifyImage(`oci:${layout}@${digest}`, other);
    expect([foreign.code, codesOf(foreign.json())]).toEqual([1, ['signature.missing', 'signature.invalid']]);
    const moved = await verifyImage(`oci:${layout}@${digest}`, key, '--repository', 'registry.example.com/acme/other');
    expect([moved.code, codesOf(moved.json())]).toEqual([1, ['signature.missing', 'signature.wrong-repository']]);
  });

  it('refuses a signature of another image and bytes that are not those of the digest', async () => {
    const folder = join(inputs.root, IMAGES.otherCommit.folder);
    const registry = new OciLayoutRegistry(folder, REPOSITORY);
    const theirs = inputs.images.otherCommit.digest;
    const signer = await sign(registry, theirs, signStatement(REPOSITORY, digest));
    const ran = await verifyImage(`oci:${folder}@${theirs}`, await pemOf('theirs', await signer.publicKey()));
    expect([ran.code, codesOf(ran.json())]).toEqual([1, ['signature.missing', 'signature.wrong-subject']]);
    const manifestFile = join(folder, 'blobs', 'sha256', theirs.slice('sha256:'.length));
    await writeFile(manifestFile, `${await readFile(manifestFile, 'utf8')} `);
    const changed = await verifyImage(`oci:${folder}@${theirs}`, key);
    expect([changed.code, codesOf(changed.json())]).toEqual([1, ['oci.digest-mismatch']]);
  });

  it('refuses an index while one of its platforms is not signed', async () => {
    const folder = join(root, 'index');
    await cp(layout, folder, { recursive: true });
    const registry = new OciLayoutRegistry(folder, REPOSITORY);
    const manifest = await registry.manifest(digest);
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const platform = { os: 'linux', architecture: 'amd64' };
    const child = { mediaType: manifest?.mediaType, digest, size: manifest?.bytes.length, platform };
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: [child] }));
    const index = digestOf(bytes);
    await registry.pushManifest(index, mediaType, bytes);
    const signer = await sign(registry, index, REPOSITORY);
    const pem = await pemOf('index', await signer.publicKey());
    const half = await verifyImage(`oci:${folder}@${index}`, pem);
    expect([half.code, half.json()]).toMatchObject([
      1,
      { reasons: [{ code: 'signature.missing', where: expect.stringContaining(digest) }, {}] },
    ]);
    await sign(registry, digest, REPOSITORY, signer);
    const whole = await verifyImage(`oci:${folder}@${index}`, pem);
    expect([whole.code, whole.json()]).toMatchObject([0, { signatures: [{ digest: index }, { digest }] }]);
  });

  it('refuses a signature that names no repository', async () => {
    const folder = join(inputs.root, IMAGES.rehashed.folder);
    const ours = inputs.images.rehashed.digest;
    const payload = signStatement(REPOSITORY, ours);
    const statement = JSON.parse(Buffer.from(payload).toString());
    delete statement.subject[0].annotations;
    const signer = await sign(new OciLayoutRegistry(folder, REPOSITORY), ours, Buffer.from(JSON.stringify(statement)));
    const ran = await verifyImage(`oci:${folder}@${ours}`, await pemOf('unnamed', await signer.publicKey()));
    expect([ran.code, codesOf(ran.json())]).toEqual([1, ['signature.missing', 'signature.wrong-repository']]);
  });

  it('verifies in a registry on loopback, where the repository is the one that was named', async () => {
    const name = 'acme/sample';
    const { host } = await serveLayout(layout, name);
    const named = await verifyImage(`${host}/${name}@${digest}`, key);
    expect([named.code, codesOf(named.json())]).toEqual([1, ['signature.missing', 'signature.wrong-repository']]);
    const signer = await sign(new OciLayoutRegistry(layout, REPOSITORY), digest, `${host}/${name}`);
    const ours = await pemOf('ours', await signer.publicKey());
    expect((await verifyImage(`${host}/${name}@${digest}`, ours)).code).toBe(0);
  });

  it('could not check where the registry is down, and reads no folder that is no layout', async () => {
    const { host, server } = await serveFolder(root);
    await new Promise((closed) => server.close(closed));
    const ran = await verifyImage(`${host}/acme/sample@${digest}`, key);
    expect([ran.code, ran.json()]).toMatchObject([3, { outcome: 'not-checked' }]);
    const missing = verifyImage(`oci:${join(root, 'nothing')}@${digest}`, key);
    await expect(missing).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('takes nothing for a key that is not the public half of one it can use', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'der' });
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const secret = join(root, 'secret.pem');
    await writeFile(secret, ec.export({ type: 'pkcs8', format: 'pem' }));
    const broken = await pemOf('broken', Buffer.from('no key'));
    for (const file of [await pemOf('rsa', rsa), secret, broken, join(root, 'no-such-file')])
      await expect(verifyImage(`oci:${layout}@${digest}`, file), file).rejects.toMatchObject({ name: 'UsageError' });
  });

  it.each([
    'sample',
    'acme/sample@sha256:00',
    `acme/sample@sha256:${'0'.repeat(64)}`,
    'oci:layout',
    'registry.example.com/acme/sample',
    `@sha256:${'0'.repeat(64)}`,
  ])('refuses %s, which names no image of a registry', async (reference) => {
    await expect(verifyImage(reference, key)).rejects.toMatchObject({ name: 'UsageError' });
  });
});

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

/** The read half of a registry over a layout: manifests, blobs and referrers. */
async function serveLayout(layout: string, name: string): Promise<{ host: string }> {
  const registry = new OciLayoutRegistry(layout, name);
  const server = createServer((request, response) => {
    const [, kind = '', reference = ''] =
      new RegExp(`^/v2/${name}/(manifests|blobs|referrers)/(.+)$`).exec(request.url ?? '') ?? [];
    const answer = async (): Promise<{ type: string; bytes: Uint8Array } | undefined> => {
      if (kind === 'manifests') {
        const found = await registry.manifest(reference);
        return found && { type: found.mediaType, bytes: found.bytes };
      }
      if (kind === 'referrers') {
        const manifests = await registry.referrers(OciDigest.parse(reference));
        const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests };
        return { type: index.mediaType, bytes: Buffer.from(JSON.stringify(index)) };
      }
      const blob = kind === 'blobs' ? await registry.blob(OciDigest.parse(reference)) : undefined;
      return blob && { type: 'application/octet-stream', bytes: await bytesOf(blob) };
    };
    answer().then(
      (found) =>
        found
          ? response.writeHead(200, { 'content-type': found.type }).end(found.bytes)
          : response.writeHead(404).end(),
      () => response.writeHead(500).end(),
    );
  });
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  return { host: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}` };
}
