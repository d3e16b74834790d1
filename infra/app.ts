import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, Validations } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { AwsSolutionsChecks } from 'cdk-nag';
import { bundleFunctions } from './bundle.ts';
import { ConfigurationRefused, readConfiguration } from './configuration.ts';
import { FEATURES, relsealStacks } from './stacks.ts';

/**
 * `npm run synth`, and what the CDK command runs. Context: `configuration` (a JSON document; its policies beside it),
 * `iUnderstandRetention` (days, for production). Reads files and writes `cdk.out`; reaches no network.
 */
function synthesise(): void {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const outdir = process.env.CDK_OUTDIR ?? join(root, 'cdk.out');
  const app = new App({ outdir, context: { ...FEATURES } });
  const file = String(app.node.tryGetContext('configuration') ?? join(root, 'infra', 'trial', 'relseal.json'));
  const configuration = readConfiguration(file, app.node.tryGetContext('iUnderstandRetention'));
  const bundles = new Map(
    bundleFunctions(join(root, 'dist', 'functions'), configuration.document).map((bundle) => [bundle.name, bundle]),
  );
  for (const { name, bytes } of bundles.values())
    process.stdout.write(`${name.padEnd(24)}${String(Math.round(bytes / 1000)).padStart(5)} KB\n`);
  const codeOf = (name: string): Code => {
    const bundle = bundles.get(name);
    if (!bundle) throw new Error(`there is no function ${name}`);
    return Code.fromAsset(bundle.folder);
  };
  relsealStacks(app, { configuration, codeOf });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
  process.stdout.write(`synthesised into ${outdir}\n`);
}

try {
  synthesise();
} catch (error) {
  if (!(error instanceof ConfigurationRefused)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
