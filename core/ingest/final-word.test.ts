import { expect, it } from 'vitest';
import { judgeManifest } from './final-word.ts';

const judge = (manifest: unknown) => judgeManifest(Buffer.from(JSON.stringify(manifest)));
const image = 'application/vnd.oci.image.config.v1+json';
const layer = 'application/vnd.oci.image.layer.v1.tar+gzip';

it.each([
  ['image', { config: { mediaType: image }, layers: [{ mediaType: layer }] }],
  ['image', { manifests: [] }],
  ['referrer', { subject: {}, config: { mediaType: image }, layers: [{ mediaType: layer }] }],
  ['referrer', { subject: {}, manifests: [] }],
  [
    'referrer',
    { config: { mediaType: image }, layers: [{ mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json' }] },
  ],
  [
    'other',
    { config: { mediaType: 'application/vnd.cncf.helm.config.v1+json' }, layers: [{ mediaType: 'application/gzip' }] },
  ],
  ['other', {}],
  ['other', []],
])('calls a manifest %s (%j)', (word, manifest) => expect(judge(manifest)).toBe(word));

it('calls bytes that are no JSON no image', () => expect(judgeManifest(Buffer.from('{'))).toBe('other'));
