import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signArtifact } from '../../core/signing/sign-artifact.ts';
import { findSignature } from '../../core/signing/verify.ts';
import { runTask } from '../../core/task.ts';
import { judgedImage, memorySigner, memoryWorm, run } from '../fixtures/signing/harness.ts';
import {
  judge,
  type LoopbackRegistry,
  pushImage,
  type RegistryKind,
  runJudge,
  startRegistry,
} from './loopback-registry.ts';

const SIGN_TYPE = 'https://sigstore.dev/cosign/sign/v1';
const cosigns = (['cosign-v2', 'cosign-v3'] as const).map((name) => ({ name, program: judge(name) }));
const registries = (['crane', 'docker-registry'] as const).map((kind) => ({ kind, program: judge(kind) }));
const folder = mkdtempSync(join(tmpdir(), 'relseal-cosign-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const trustedRoot = write('tr.json', '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}');
const signingConfig = write(
  'sc.json',
  '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}',
);
const offline = ['--insecure-ignore-tlog', '--trusted-root', trustedRoot, '--allow-insecure-registry'];
const signer = memorySigner();
const ours = write('ours.pub', signer.pem);
const stranger = write('stranger.pub', memorySigner().pem);

/** Both commands, by one key: what we document, and what people type. */
const commands = (key: string, image: string) => [
  ['verify-attestation', '--type', SIGN_TYPE, '--key', key, ...offline, image],
  ['verify', '--key', key, ...offline, image],
];

describe.skipIf(registries.some(({ program }) => !program))('cosign', () => {
  describe.each(registries)(
    'against $kind',
    ({ kind, program }: { kind: RegistryKind; program: string | undefined }) => {
      let registry: LoopbackRegistry;
      beforeAll(async () => {
        registry = await startRegistry(kind, program ?? '');
      });
      afterAll(() => registry.stop());

      async function sign(name: string, refusals: readonly string[] = []) {
        const worm = memoryWorm();
        const client = registry.client(name);
        const image = await pushImage(client, 'v1');
        const platforms = [{ name: 'linux/amd64', ...image }];
        const judged = { ...image, platforms, host: registry.host, name, refusals };
        const { ledger, verdict } = await judgedImage(worm, judged);
        const deps = { ledger, worm, signer, registries: async () => client };
        const signing = runTask(signArtifact, deps, { step: 'sign-artifact', run, digest: image.digest, verdict });
        return { image: `${registry.host}/${name}@${image.digest}`, digest: image.digest, signing, client };
      }

      it.each(cosigns.filter((cosign) => cosign.program))('$name verifies what we signed', async (cosign) => {
        const { image, signing } = await sign(`ours-${cosign.name}`);
        await signing;
        for (const args of commands(ours, image))
          expect(await runJudge(cosign.program ?? '', args), args[0]).toMatchObject({ code: 0 });
        for (const args of commands(stranger, image))
          expect((await runJudge(cosign.program ?? '', args)).code, args[0]).not.toBe(0);
      });

      it.each(cosigns.filter((cosign) => cosign.program))('$name finds nothing after a refusal', async (cosign) => {
        const { image, digest, signing, client } = await sign(`refused-${cosign.name}`, ['chain.revision']);
        await expect(signing).rejects.toThrow(expect.objectContaining({ name: 'InputInvalid' }));
        expect(await client.referrers(digest)).toEqual([]);
        for (const args of commands(ours, image))
          expect((await runJudge(cosign.program ?? '', args)).code, args[0]).not.toBe(0);
      });

      it.runIf(judge('cosign-v3'))('makes a signature in v3 that we verify, and only by its own key', async () => {
        const cosign = judge('cosign-v3') ?? '';
        const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        const pem = write('theirs.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
        rmSync(join(folder, 'theirs.key'), { force: true });
        rmSync(join(folder, 'theirs.pub'), { force: true });
        const imported = await runJudge(
          cosign,
          ['import-key-pair', '--key', pem, '--output-key-prefix', 'theirs'],
          folder,
        );
        expect(imported).toMatchObject({ code: 0 });
        const client = registry.client('theirs');
        const { digest } = await pushImage(client, 'v1');
        const flags = [
          '--signing-config',
          signingConfig,
          '--trusted-root',
          trustedRoot,
          '--allow-insecure-registry',
          '-y',
        ];
        const reference = `${registry.host}/theirs@${digest}`;
        const signed = await runJudge(cosign, ['sign', '--key', join(folder, 'theirs.key'), ...flags, reference]);
        expect(signed).toMatchObject({ code: 0 });
        const image = { repository: client.repository, digest, annotation: 'if-present' as const };
        const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
        expect(await findSignature(client, image, spki)).toMatchObject({ kind: 'valid' });
        expect(await findSignature(client, image, await signer.publicKey())).toMatchObject({ kind: 'refused' });
        // Theirs names no repository, so it is none of ours.
        expect(await findSignature(client, { ...image, annotation: 'required' }, spki)).toMatchObject({
          kind: 'refused',
        });
      });
    },
  );
});
