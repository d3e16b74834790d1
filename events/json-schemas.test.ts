import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { DETAIL_TYPES } from './canonical.ts';
import { jsonSchemaFiles } from './json-schemas.ts';

const folder = fileURLToPath(new URL('json-schemas/', import.meta.url));

it('publishes one JSON Schema for each event type', () => {
  expect(jsonSchemaFiles().map(({ name }) => name)).toEqual(DETAIL_TYPES.map((type) => `${type}.v1.json`).sort());
  expect(readdirSync(folder).sort()).toEqual(jsonSchemaFiles().map(({ name }) => name));
});

it.each(jsonSchemaFiles())('has $name as zod says it (else run `npm run schemas`)', ({ name, text }) => {
  expect(readFileSync(`${folder}${name}`, 'utf8')).toBe(text);
});
