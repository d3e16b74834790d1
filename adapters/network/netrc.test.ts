import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readNetrc } from './netrc.ts';

describe('a netrc file', () => {
  it.each([
    ['machine a.example login u password p', { login: 'u', password: 'p' }],
    ['machine\ta.example\n\tlogin u\n\tpassword p\n', { login: 'u', password: 'p' }],
    ['machine b.example login x password y\nmachine a.example login u password p', { login: 'u', password: 'p' }],
    ['machine a.example login u password p\nmachine a.example login v password q', { login: 'u', password: 'p' }],
    ['machine a.example login u\nmachine a.example login v password q', { login: 'v', password: 'q' }],
    ['machine a.example account z login u password p', { login: 'u', password: 'p' }],
    ['# machine a.example login x password y\nmachine a.example login u password p', { login: 'u', password: 'p' }],
    [
      'macdef init\ncd /\nmachine a.example login x password y\n\nmachine a.example login u password p',
      { login: 'u', password: 'p' },
    ],
    ['machine b.example login x password y\ndefault login u password p', { login: 'u', password: 'p' }],
    ['machine login login x password y\nmachine a.example login u password p', { login: 'u', password: 'p' }],
  ])('gives the login in %j', (text, login) => expect(readNetrc(text, 'a.example')).toEqual(login));

  it.each([
    '',
    'machine a.example',
    'machine a.example login u',
    'machine a.example.evil login u password p',
    'login u password p',
  ])('has no login in %j', (text) => expect(readNetrc(text, 'a.example')).toBeUndefined());

  it('never gives the login of another machine', () => {
    const part = fc.constantFrom(
      ...['machine a.example', 'machine b.example', 'default', 'login x', 'password y', 'account z'],
      ...['# login x\n', '\n', 'macdef m\nlogin x\n\n'],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const text = `${parts.join(' ')}\n\nmachine b.example login theirs password theirs\n`;
        expect(readNetrc(text, 'c.example')?.login).not.toBe('theirs');
        expect(readNetrc(`${text}${parts.join(' ')}`, 'b.example')).toBeDefined();
      }),
    );
  });
});
