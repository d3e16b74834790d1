import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseImageDocument } from './manifest.ts';

const fixture = (name: string) => readFileSync(new URL(`../../test/fixtures/oci/${name}`, import.meta.url));
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

describe('image documents', () => {
  it('reads manifests and indexes as a registry serves them', () => {
    expect(parseImageDocument(fixture('image-manifest-amd64.json'), MANIFEST, 'm').kind).toBe('manifest');
    expect(parseImageDocument(fixture('index-multiarch.json'), INDEX, 'm').kind).toBe('index');
    expect(parseImageDocument(fixture('referrers-fallback-index.json'), INDEX, 'm').kind).toBe('index');
    expect(parseImageDocument(fixture('cosign-bundle-manifest.json'), MANIFEST, 'm').kind).toBe('manifest');
  });

  it.each([
    ['another media type than it was served as', (text: string) => text, INDEX],
    ['a key that Go would read as layers', (text: string) => text.replace('"layers"', '"Layers"'), MANIFEST],
    ['layers twice in two cases', (text: string) => text.replace('{', '{"Layers":[],'), MANIFEST],
    ['layers and manifests', (text: string) => text.replace('{', '{"manifests":[],'), MANIFEST],
    ['data that is not its digest', (text: string) => text.replace('"size":233', '"size":233,"data":"AAAA"'), MANIFEST],
  ])('refuses a document with %s', (_what, change, served) => {
    const bytes = Buffer.from(change(fixture('image-manifest-amd64.json').toString('utf8')));
    expect(() => parseImageDocument(bytes, served, 'm')).toThrow('oci.manifest-invalid');
  });
});
