import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code } from 'aws-cdk-lib/aws-lambda';
import * as z from 'zod';
import { configurationOf } from '../../infra/configuration.ts';
import { FEATURES, relsealStacks } from '../../infra/stacks.ts';

const trial = new URL('../../infra/trial/relseal.json', import.meta.url);

/** The trial's configuration document, with changes. */
export const documentWith = (changes: object): unknown => ({
  ...z.looseObject({}).parse(JSON.parse(readFileSync(trial, 'utf8'))),
  ...changes,
});

/** Both templates of a configuration, without bundling: the code is a file that says nothing, but for functions `changed`. */
export function synthesised(document: unknown, iUnderstandRetention?: unknown, changed: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-infra-'));
  const codeSaying = (answer: string) => {
    const code = join(folder, answer);
    mkdirSync(code);
    writeFileSync(join(code, 'index.mjs'), `export const handler = () => ${answer};\n`);
    return code;
  };
  const [first, second] = [codeSaying('1'), codeSaying('2')];
  const policy = 'schema: relseal.policy/1\nname: of a test\ngates: {}\n';
  const configuration = configurationOf(document, () => policy, iUnderstandRetention);
  const context = { ...FEATURES, '@aws-cdk/core:validateAgainstDefaultRules': false };
  const app = new App({ outdir: join(folder, 'cdk.out'), context });
  const codeOf = (name: string) => Code.fromAsset(changed.includes(name) ? second : first);
  const { state, services } = relsealStacks(app, { configuration, codeOf });
  const templates = { state: Template.fromStack(state), services: Template.fromStack(services) };
  rmSync(folder, { recursive: true, force: true });
  return { ...templates, stacks: { state, services } };
}

const Statement = z.looseObject({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: z.union([z.string(), z.array(z.string())]),
  Resource: z.json().optional(),
  Principal: z.json().optional(),
  Condition: z.json().optional(),
});

/** A statement with its lists written as lists. */
export interface PolicyLine {
  readonly sid: string | undefined;
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly unknown[];
  readonly principal: unknown;
  readonly condition: unknown;
}

export function linesOf(document: unknown): PolicyLine[] {
  return z
    .object({ Statement: z.array(Statement) })
    .parse(document)
    .Statement.map(({ Sid, Effect, Action, Resource, Principal, Condition }) => ({
      sid: Sid,
      effect: Effect,
      actions: [Action].flat(),
      resources: [Resource].flat(),
      principal: Principal,
      condition: Condition,
    }));
}

const Resource = z.looseObject({ Type: z.string(), Properties: z.record(z.string(), z.json()).default({}) });
export type TemplateResource = z.infer<typeof Resource>;

/** Resources of one type, by logical id. */
export const resourcesOf = (template: Template, type: string): [string, TemplateResource][] =>
  Object.entries(template.findResources(type)).map(([id, resource]) => [id, Resource.parse(resource)]);
