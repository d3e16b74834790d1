import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Provider } from '../../events/fields.ts';
import { NormalisedDelivery } from '../../events/normalised.ts';
import type { DeliveryHeaders, IngestProvider } from './provider.ts';
import { providerOf } from './providers.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../../test/fixtures/${name}`, import.meta.url));
const read = (name: string): unknown => JSON.parse(readFileSync(fixture(name), 'utf8'));
const Expected = z.record(z.string(), z.looseObject({ outcome: z.string(), detailType: z.string().optional() }));
const Vectors = z.looseObject({
  vectors: z.array(
    z.looseObject({
      scheme: z.string(),
      secret: z.string(),
      body: z.string().optional(),
      bodyFile: z.string().optional(),
      value: z.string(),
    }),
  ),
});

function builtProvider(name: string): IngestProvider {
  const provider = providerOf(Provider.parse(name));
  if (!provider) throw new Error(`no provider ${name}`);
  return provider;
}

/** Captured headers where there are any; GitHub's fixtures name their event in the file name. */
function headersOf(file: string): DeliveryHeaders {
  const captured = fixture(file.replace(/\.(json|txt)$/, '.headers.json'));
  if (existsSync(captured)) {
    const headers = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(captured, 'utf8')));
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  }
  const name = /^github\/([a-z_]+)-/.exec(file)?.[1];
  return name ? { 'x-github-event': name, 'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958' } : {};
}

const expected = Object.entries(Expected.parse(read('expected-deliveries.json')));
/** Judged elsewhere: the form is refused by its content type, and only its manifest tells a Helm chart from an image. */
const ELSEWHERE = ['gitea/push-tag-annotated-form.txt', 'gitea/package-helm-chart.json'];

function normaliseFixture(file: string): NormalisedDelivery {
  const provider = builtProvider(file.split('/')[0] ?? '');
  const body = read(file);
  const account = z.looseObject({ account: z.string() }).safeParse(body).data?.account;
  const headers = headersOf(file);
  const deliveryId = provider.deliveryIdOf(headers, body, z.any().parse('0'.repeat(64)));
  return NormalisedDelivery.parse(
    provider.normalise(headers, body, { instance: account ?? 'git.example.com', host: 'git.example.com', deliveryId }),
  );
}

describe('the normalisers', () => {
  it('see every fixture of their five providers', () => {
    expect(expected.length).toBe(49);
    expect(new Set(expected.map(([file]) => file.split('/')[0]))).toEqual(
      new Set(['github', 'gitea', 'gitlab', 'distribution', 'ecr']),
    );
  });

  it.each(expected.filter(([file]) => !ELSEWHERE.includes(file)))('make of %s what is expected', (file, want) => {
    const delivery = normaliseFixture(file);
    expect({ outcome: delivery.outcome, detailType: delivery.events.at(-1)?.detailType }).toEqual({
      outcome: want.outcome,
      detailType: want.detailType,
    });
    if (delivery.outcome !== 'emit') expect(delivery.code).toMatch(/^[a-z]+\.[a-z-]+$/);
  });

  it('take the commit of an annotated tag from head_commit and keep the tag object beside it', () => {
    expect(normaliseFixture('gitea/push-tag-annotated.json').events).toMatchObject([
      {
        tag: 'v1.5.0',
        commit: 'ff3602bb5b46ae73604d614c39b822f4d03e73e0',
        objectSha: '4a37c559040e45dc3bb54654cdab621d1b5432aa',
        actor: 'ana',
      },
    ]);
  });

  it.each([
    ['github/pull_request-synchronize.json', '2', 'master', 'ec26c3e57ca3a959ca5aad62de7213c562f8c821'],
    ['gitlab/merge-request-opened.json', '1', 'master', 'da1560886d4f094c3e6c9ef40349f7d38b5d27d7'],
    ['gitea/pull-request-opened.json', '2', 'master', '48e773f892a831faa47c0a160d1b7f0cd369ae2a'],
  ])('read number, base and head of %s', (file, number, base, head) => {
    expect(normaliseFixture(file).events).toMatchObject([{ kind: 'source-change', number, base, head, tag: null }]);
  });

  it('keep two of a batch of three and number them by their place', () => {
    const { events } = normaliseFixture('distribution/envelope-batched.json');
    expect(events.map(({ deliveryId }) => deliveryId.split('#')[1])).toEqual(['1', '2']);
  });

  it('strip control characters and refuse a name that is too long', () => {
    const provider = builtProvider('github');
    const context = { instance: 'github.com', host: 'github.com', deliveryId: 'x' };
    const push = (ref: string) =>
      provider.normalise(
        { 'x-github-event': 'push' },
        { ref, after: 'a'.repeat(40), repository: { full_name: 'a/\u0007b' } },
        context,
      );
    expect(push('refs/tags/v1\u001b.0').events).toMatchObject([{ tag: 'v1.0', repository: { name: 'a/b' } }]);
    expect(push(`refs/tags/${'v'.repeat(256)}`)).toMatchObject({ outcome: 'reject', code: 'body.not-understood' });
  });

  it.each(['github', 'gitea', 'gitlab', 'distribution', 'ecr'])('never throw on any JSON sent to %s', (name) => {
    const provider = builtProvider(name);
    const event = fc.constantFrom('push', 'pull_request', 'package', 'registry_package', 'create', 'other', undefined);
    fc.assert(
      fc.property(fc.jsonValue(), event, (body, kind) => {
        const headers = { 'x-github-event': kind, 'x-gitea-event': kind };
        for (const value of [
          body,
          { events: [body] },
          { ref: 'refs/tags/v1', repository: body, package: body },
          { action: 'opened', number: body, pull_request: body, repository: body },
          { object_kind: 'tag_push', ref: 'refs/tags/v1', project: body },
          { object_kind: 'merge_request', project: { path_with_namespace: 'a/b' }, object_attributes: body },
        ]) {
          const id = provider.deliveryIdOf(headers, value, z.any().parse('0'.repeat(64)));
          NormalisedDelivery.parse(
            provider.normalise(headers, value, { instance: 'x', host: 'h.example.com', deliveryId: id }),
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('authentication', () => {
  const { vectors } = Vectors.parse(read('auth/vectors.json'));
  const bytesOf = ({ body, bodyFile }: { body?: string | undefined; bodyFile?: string | undefined }) =>
    bodyFile ? readFileSync(fixture(bodyFile)) : Buffer.from(body ?? '');
  const headerOf = (scheme: string, value: string): DeliveryHeaders =>
    scheme === 'github' ? { 'x-hub-signature-256': value } : { 'x-gitea-signature': value };
  const signed = vectors.filter(({ scheme }) => scheme === 'github' || scheme === 'gitea');

  it('knows six vectors', () => expect(signed.length).toBe(6));

  it.each(signed.map((vector) => [vector.bodyFile ?? vector.body ?? '', vector] as const))(
    'accepts the signature of %s with either of two secrets, and no other bytes',
    (_name, vector) => {
      const { authenticate } = builtProvider(vector.scheme);
      const headers = headerOf(vector.scheme, vector.value);
      const body = bytesOf(vector);
      expect(authenticate(headers, body, [vector.secret], 0)).toEqual({
        ok: true,
        scheme: 'hmac-sha256',
        keyId: 'secret-1',
      });
      expect(authenticate(headers, body, ['new', vector.secret], 0)).toMatchObject({ ok: true, keyId: 'secret-2' });
      expect(authenticate(headers, Buffer.concat([body, Buffer.from(' ')]), [vector.secret], 0)).toMatchObject({
        ok: false,
      });
      expect(authenticate(headers, body, ['other'], 0)).toEqual({ ok: false, code: 'auth.wrong' });
      expect(authenticate(headerOf(vector.scheme, vector.value.toUpperCase()), body, [vector.secret], 0).ok).toBe(
        false,
      );
    },
  );

  it('refuses an empty signature, an empty secret, no secret and SHA-1', () => {
    const { authenticate } = builtProvider('github');
    const body = Buffer.from('Hello, World!');
    expect(authenticate({ 'x-hub-signature-256': 'sha256=' }, body, ['s'], 0)).toEqual({
      ok: false,
      code: 'auth.missing',
    });
    expect(authenticate({ 'x-hub-signature': `sha1=${'0'.repeat(40)}` }, body, ['s'], 0).ok).toBe(false);
    const fits = headerOf('github', `sha256=${'a'.repeat(64)}`);
    expect(authenticate(fits, body, ['s', ''], 0)).toEqual({ ok: false, code: 'auth.no-secret' });
    expect(authenticate(fits, body, [], 0)).toEqual({ ok: false, code: 'auth.no-secret' });
  });

  it('compares the whole Authorization header of a registry', () => {
    const { authenticate } = builtProvider('distribution');
    const body = Buffer.from('{}');
    expect(authenticate({ authorization: 'Bearer t' }, body, ['Bearer t'], 0)).toMatchObject({
      ok: true,
      scheme: 'static-token',
    });
    expect(authenticate({ authorization: 'bearer t' }, body, ['Bearer t'], 0)).toEqual({
      ok: false,
      code: 'auth.wrong',
    });
    expect(authenticate({}, body, ['Bearer t'], 0)).toEqual({ ok: false, code: 'auth.missing' });
  });

  it('accepts a signing token of GitLab by its signature and time alone', () => {
    const { authenticate } = builtProvider('gitlab');
    const body = readFileSync(fixture('gitlab/tag-push.json'));
    const secret = 'whsec_8Nw/Pa3OVHMSh+Z4zU/VpnKq7Bp7cauyh9ejjA1WLqo=';
    const now = 1_795_413_088_000;
    const headers = {
      'webhook-id': 'f5d8c2e1-6f0b-4a7e-9d5b-3f2c1b0a9e8d',
      'webhook-timestamp': '1795413088',
      'webhook-signature': 'v1,YQEuwd/gS/jU+9ZrW3CQj5IfYfCemwQix2wYyQvhziE=',
      'x-gitlab-token': secret,
    };
    const answers = (changed: DeliveryHeaders, at = now, secrets = [secret]) =>
      authenticate({ ...headers, ...changed }, body, secrets, at);
    expect(answers({})).toEqual({ ok: true, scheme: 'standard-webhooks', keyId: 'secret-1' });
    expect(answers({ 'webhook-signature': `v1,AAAA ${headers['webhook-signature']}` }).ok).toBe(true);
    expect(answers({}, now + 300_001)).toEqual({ ok: false, code: 'auth.wrong' });
    expect(answers({}, now - 300_001)).toEqual({ ok: false, code: 'auth.wrong' });
    expect(answers({ 'webhook-timestamp': '1795413089' })).toEqual({ ok: false, code: 'auth.wrong' });
    expect(answers({ 'webhook-id': 'other' })).toEqual({ ok: false, code: 'auth.wrong' });
    expect(answers({ 'webhook-signature': undefined })).toEqual({ ok: false, code: 'auth.missing' });
    expect(answers({ 'webhook-signature': Array(9).fill(headers['webhook-signature']).join(' ') }).ok).toBe(false);
    expect(answers({}, now, ['whsec_'])).toEqual({ ok: false, code: 'auth.wrong' });
  });

  it('compares the plain token of GitLab', () => {
    const { authenticate } = builtProvider('gitlab');
    const body = Buffer.from('{}');
    expect(authenticate({ 'x-gitlab-token': 't' }, body, ['t'], 0)).toMatchObject({ ok: true, scheme: 'static-token' });
    expect(authenticate({ 'x-gitlab-token': 'T' }, body, ['t'], 0)).toEqual({ ok: false, code: 'auth.wrong' });
    expect(authenticate({}, body, ['t'], 0)).toEqual({ ok: false, code: 'auth.missing' });
  });
});
