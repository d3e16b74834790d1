import { describe, expect, it } from 'vitest';
import { isPseudoVersion } from '../gosum/go-version.ts';
import { changeVersion, fitsModulePath, parseReleaseTag } from './release-tag.ts';

describe('a release tag', () => {
  it.each([
    ['v1.2.3', '', 'v1.2.3', 'v1'],
    ['v0.0.0', '', 'v0.0.0', 'v0'],
    ['v12.0.1-rc.1', '', 'v12.0.1-rc.1', 'v12'],
    ['sub/dir/v2.0.0', 'sub/dir', 'v2.0.0', 'v2'],
    ['v1.0.0-0.3.7', '', 'v1.0.0-0.3.7', 'v1'],
    ['v1.0.0--', '', 'v1.0.0--', 'v1'],
  ])('%s names a folder and a version', (tag, directory, version, major) => {
    expect(parseReleaseTag(tag)).toEqual({ directory, version, major });
  });

  it.each([
    '1.2.3',
    'v1.2',
    'v1',
    'v01.2.3',
    'v1.2.3.4',
    'v1.2.3-',
    'v1.2.3-01',
    'v1.2.3-a..b',
    'v0.0.0-20261101090000-abcdefabcdef',
    'v1.2.3-0.20261101090000-abcdefabcdef',
    'v1.2.3+build',
    'v1.2.3-rc+1',
    'release-v1.2.3',
    '/v1.2.3',
    '../v1.2.3',
    'a//v1.2.3',
    'sub/',
    'V1.2.3',
    ' v1.2.3',
    'v1.2.3\n',
    '',
  ])('is not what "%s" is', (tag) => {
    expect(parseReleaseTag(tag)).toBeUndefined();
  });

  const fits = (tag: string, path: string) => {
    const release = parseReleaseTag(tag);
    return release && fitsModulePath(release, path);
  };

  it.each([
    ['v1.2.3', 'example.com/m'],
    ['v0.2.3', 'example.com/m'],
    ['v2.2.3', 'example.com/m/v2'],
    ['v11.2.3', 'example.com/m/v11'],
    ['sub/v1.2.3', 'example.com/m/sub'],
    ['sub/v2.2.3', 'example.com/m/sub/v2'],
    ['v2.2.3', 'gopkg.in/yaml.v2'],
    ['v1.0.0', 'gopkg.in/check.v1-unstable'],
  ])('%s may release %s', (tag, path) => {
    expect(fits(tag, path)).toBe(true);
  });

  it.each([
    ['v2.2.3', 'example.com/m'],
    ['v1.2.3', 'example.com/m/v2'],
    ['v1.2.3', 'example.com/m/v1'],
    ['v2.2.3', 'example.com/m/v02'],
    ['v2.2.3', 'example.com/m/v2.0'],
    ['sub/v1.2.3', 'example.com/m'],
    ['sub/v1.2.3', 'example.com/msub'],
    ['v1.2.3', 'gopkg.in/yaml.v2'],
    ['v0.2.3', 'gopkg.in/yaml'],
  ])('%s may not release %s', (tag, path) => {
    expect(fits(tag, path)).toBe(false);
  });
});

describe('the version of a proposed change', () => {
  it.each([
    ['example.com/m', 'v0.0.0-00010101000000-0123456789ab', 'v0'],
    ['example.com/m/v2', 'v2.0.0-00010101000000-0123456789ab', 'v2'],
    ['example.com/m/v11', 'v11.0.0-00010101000000-0123456789ab', 'v11'],
    ['gopkg.in/yaml.v2', 'v2.0.0-00010101000000-0123456789ab', 'v2'],
    ['gopkg.in/check.v1-unstable', 'v1.0.0-00010101000000-0123456789ab', 'v1'],
    ['', 'v0.0.0-00010101000000-0123456789ab', 'v0'],
  ])('of %s is %s', (path, version, major) => {
    const made = changeVersion(path, '0123456789abcdef0123456789abcdef01234567');
    expect(made).toBe(version);
    expect(path === '' || fitsModulePath({ directory: '', version: made, major }, path)).toBe(true);
    expect(isPseudoVersion(version)).toBe(true);
  });
});
