import { describe, expect, it } from 'vitest';
import { ImageInspection } from '../oci/inspect-binaries.ts';
import { SourceSnapshot } from '../source/snapshot.ts';
import { comparePlatform } from './compare.ts';

const h1 = (letter: string) => `h1:${letter.repeat(42)}A=`;
const hex = 'a'.repeat(64);
const snapshot = SourceSnapshot.parse({
  schema: 'relseal.source-snapshot/1',
  repository: { host: 'git.test', name: 'acme/sample' },
  tag: 'v1.0.0',
  commit: '1'.repeat(40),
  commitResolution: 'resolved',
  source: 'git',
  module: { path: 'git.test/acme/sample', version: 'v1.0.0' },
  directory: '',
  zipH1: h1('Z'),
  goModH1: h1('M'),
  goMod: { kind: 'go-mod', sha256: hex, size: 1, mediaType: 'text/plain' },
});
const goSum = `example.test/dep v1.2.3 ${h1('D')}\nexample.test/fork v1.0.1 ${h1('F')}\n`;
const dep = { path: 'example.test/dep', version: 'v1.2.3', h1: h1('D') };
const binary = {
  path: 'app',
  sha256: hex,
  size: 1,
  goVersion: 'go1.26.8',
  package: 'git.test/acme/sample',
  main: { path: 'git.test/acme/sample', version: 'v1.0.0' },
  deps: [dep],
  settings: { 'vcs.revision': '1'.repeat(40), 'vcs.modified': 'false', GOOS: 'linux', GOARCH: 'amd64' },
};
const inspection = {
  platform: 'linux/amd64',
  digest: `sha256:${hex}`,
  binaries: [binary],
  unlinked: [],
  entrypoint: ['/app'],
  entrypointFile: 'app',
  environment: [],
};
const codes = (changed: object) =>
  comparePlatform({ snapshot, goSum }, ImageInspection.parse({ ...inspection, ...changed })).map(({ code }) => code);
const withBinary = (changed: object) => codes({ binaries: [{ ...binary, ...changed }] });

describe('comparing a platform with its source', () => {
  it('passes when every hash and the commit agree, replaced modules by what replaced them', () => {
    expect(codes({})).toEqual([]);
    const replace = { path: 'example.test/fork', version: 'v1.0.1', h1: h1('F') };
    expect(withBinary({ deps: [{ path: 'example.test/dep', version: 'v1.2.3', replace }] })).toEqual([]);
  });

  it.each([
    ['chain.module-hash', { deps: [{ ...dep, h1: h1('X') }] }],
    ['chain.module-missing', { deps: [{ ...dep, version: 'v1.2.4' }] }],
    ['chain.module-unhashed', { deps: [{ path: dep.path, version: dep.version }] }],
    ['chain.revision', { settings: { ...binary.settings, 'vcs.revision': '2'.repeat(40) } }],
    ['chain.revision', { settings: {} }],
    ['chain.dirty', { settings: { ...binary.settings, 'vcs.modified': 'true' } }],
    ['chain.platform', { settings: { ...binary.settings, GOARCH: 'arm64' } }],
    ['chain.main-module', { main: { path: 'example.test/other' } }],
  ])('refuses a binary with %s', (code, changed) => {
    expect(withBinary(changed)).toEqual([code]);
  });

  it.each([
    ['chain.environment', { environment: ['LD_PRELOAD'] }],
    ['chain.entrypoint-unlinked', { entrypoint: ['/bin/sh'], entrypointFile: 'bin/sh' }],
    ['chain.no-binary', { binaries: [] }],
    ['chain.unlinked', { binaries: [], unlinked: [{ path: 'app', sha256: hex, size: 1 }] }],
  ])('refuses an image with %s', (code, changed) => {
    expect(codes(changed)).toEqual([code]);
  });
});
