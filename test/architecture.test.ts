import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const LAYERS = [
  'events',
  'core',
  'adapters',
  'functions',
  'statemachines',
  'infra',
  'cli',
  'test',
  'bench',
  'demo',
] as const;

interface Rule {
  /** Folders of ours this one may import. */
  readonly ours: readonly string[];
  /** Packages and node modules it may import; `*` is any. */
  readonly packages: readonly RegExp[];
}

const any = [/.*/];
const RULES: readonly { where: RegExp; rule: Rule }[] = [
  { where: /^events\/write-schemas\.ts$/, rule: { ours: ['events', 'core'], packages: [/^zod$/, /^node:/] } },
  { where: /^events\//, rule: { ours: ['events'], packages: [/^zod$/] } },
  {
    where: /^core\/asl\//,
    rule: { ours: ['core', 'events'], packages: [/^zod$/, /^node:(crypto|zlib)$/, /^jsonata$/, /^jsonata-aws$/] },
  },
  {
    where: /^core\/(gate|config)/,
    rule: { ours: ['core', 'events'], packages: [/^zod$/, /^node:(crypto|zlib)$/, /^yaml$/] },
  },
  {
    where: /^core\//,
    rule: { ours: ['core', 'events'], packages: [/^zod$/, /^node:(crypto|zlib)$/] },
  },
  {
    where: /^adapters\/aws\//,
    rule: { ours: ['core', 'events', 'adapters/aws'], packages: [/^zod$/, /^node:/, /^@aws-sdk\//, /^@smithy\//] },
  },
  {
    where: /^adapters\/embedded\//,
    rule: {
      ours: ['core', 'events', 'adapters/embedded'],
      packages: [/^zod$/, /^node:/, /^hono(\/|$)/, /^@photostructure\/sqlite$/],
    },
  },
  {
    where: /^adapters\/network\//,
    rule: { ours: ['core', 'events', 'adapters/network'], packages: [/^zod$/, /^node:/, /^jose$/, /^oauth4webapi$/] },
  },
  {
    where: /^functions\//,
    rule: {
      ours: ['core', 'events', 'adapters/aws', 'adapters/network', 'statemachines', 'functions'],
      packages: [/^zod$/, /^node:/, /^@middy\//, /^aws-lambda$/],
    },
  },
  { where: /^statemachines\//, rule: { ours: [], packages: [] } },
  {
    where: /^infra\//,
    rule: {
      ours: [
        'infra',
        'statemachines',
        'events',
        'functions',
        'core/asl',
        'core/faults',
        'core/config',
        'core/gate',
        'core/retention',
      ],
      packages: [/^aws-cdk-lib(\/|$)/, /^constructs$/, /^cdk-nag$/, /^esbuild$/, /^node:/, /^zod$/],
    },
  },
  {
    where: /^cli\//,
    rule: {
      ours: ['core', 'events', 'statemachines', 'adapters/embedded', 'adapters/network', 'cli', 'demo'],
      packages: any,
    },
  },
  { where: /^(test|bench|demo)\//, rule: { ours: [...LAYERS, 'adapters'], packages: any } },
];

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const sourceFiles = LAYERS.flatMap((layer) =>
  readdirSync(join(root, layer), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name))),
).filter((file) => !file.includes('node_modules') && !file.includes('fixtures/'));

const parsed = new Map(
  sourceFiles.map((file) => [
    file,
    ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true),
  ]),
);

/** Static and dynamic imports with a literal specifier. */
function importsOf(source: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier))
      found.push({
        specifier: node.moduleSpecifier.text,
        typeOnly: node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword,
      });
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier))
      found.push({ specifier: node.moduleSpecifier.text, typeOnly: node.isTypeOnly });
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteral(argument)) found.push({ specifier: argument.text, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const isTest = (file: string) => /\.test\.ts$/.test(file);
const targetOf = (file: string, specifier: string) => relative(root, resolve(root, dirname(file), specifier));

function violationsOf(file: string, source: ts.SourceFile): string[] {
  const rule = RULES.find(({ where }) => where.test(file))?.rule;
  if (!rule) return [`${file}: no rule covers it`];
  return importsOf(source).flatMap(({ specifier, typeOnly }) => {
    if (specifier.startsWith('.')) {
      const target = targetOf(file, specifier);
      const allowed = rule.ours.some(
        (folder) => target === folder || target.startsWith(`${folder}/`) || target.startsWith(`${folder}.`),
      );
      if (file.startsWith('infra/') && target.startsWith('functions/'))
        return typeOnly && /^functions\/[^/]+\/env\.ts$/.test(target)
          ? []
          : [`${file}: only types of env.ts, not ${target}`];
      if (isTest(file) && /^test\/(fakes|fixtures|contracts)\//.test(target)) return [];
      return allowed ? [] : [`${file}: may not import ${target}`];
    }
    if (isTest(file) && /^(vitest|fast-check|node:.*|fflate|ajv.*|typescript|yaml|canonicalize)$/.test(specifier))
      return [];
    return rule.packages.some((pattern) => pattern.test(specifier)) ? [] : [`${file}: may not import ${specifier}`];
  });
}

describe('the architecture', () => {
  it('sees the modules it judges', () => {
    expect(sourceFiles.length).toBeGreaterThan(150);
    expect(sourceFiles.filter((file) => file.startsWith('core/')).length).toBeGreaterThan(60);
  });

  it('lets dependencies point inward only', () => {
    expect([...parsed].flatMap(([file, source]) => violationsOf(file, source))).toEqual([]);
  });

  it('keeps adapters of one folder apart from one another', () => {
    // Platform helpers: not adapters of a port, and each says so in its own comment. What both composition roots make of
    // a tenant's modules is composed once, beside what it is composed of.
    const helpers =
      /^adapters\/(embedded\/(sqlite|key-file|write-once-file|replace-file|workflow-engine\/.*)|aws\/(client|items|dynamo-items|errors|sfn-executions)|network\/(http-client|egress|authenticated-egress|credentials|netrc|oauth|tenant-modules|oci-token|retry|url-path|address|body|.*-helper))\.ts$/;
    const crossed = [...parsed].flatMap(([file, source]) =>
      /^adapters\//.test(file) && !isTest(file) && !helpers.test(file)
        ? importsOf(source)
            .map(({ specifier }) => (specifier.startsWith('.') ? targetOf(file, specifier) : ''))
            .filter((target) => /^adapters\//.test(target) && !helpers.test(target))
            .map((target) => `${file} imports ${target}`)
        : [],
    );
    expect(crossed).toEqual([]);
  });

  it('keeps time, chance, the environment and the network out of core and events', () => {
    const forbidden = /\b(Date\.now|new Date\(\)|Math\.random|randomUUID|randomBytes|process\.env|fetch\()/;
    const found = [...parsed].flatMap(([file, source]) =>
      /^(core|events)\//.test(file) && !isTest(file) && file !== 'events/write-schemas.ts'
        ? source.text
            .split('\n')
            .flatMap((line, at) =>
              forbidden.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line) ? [`${file}:${at + 1}: ${line.trim()}`] : [],
            )
        : [],
    );
    expect(found).toEqual([]);
  });

  it('gives each exported name of core and the adapters one home', () => {
    const homes = new Map<string, Set<string>>();
    for (const [file, source] of parsed) {
      if (!/^(core|adapters|events)\//.test(file) || isTest(file)) continue;
      ts.forEachChild(source, (node) => {
        const exported =
          ts.canHaveModifiers(node) && ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
        if (!exported) return;
        const names = ts.isVariableStatement(node)
          ? node.declarationList.declarations.map(({ name }) => name.getText(source))
          : 'name' in node && node.name
            ? [(node.name as ts.Identifier).getText(source)]
            : [];
        for (const name of names) homes.set(name, (homes.get(name) ?? new Set()).add(file));
      });
    }
    // Every provider folder answers to the same two verbs; the registry of providers is their one user.
    const shared = new Set(['authenticate', 'normalise']);
    const twice = [...homes].filter(([name, files]) => files.size > 1 && !shared.has(name));
    expect(twice.map(([name, files]) => `${name}: ${[...files].join(', ')}`)).toEqual([]);
  });
});
