import type { KnipConfig } from 'knip';

const config: KnipConfig = {
  entry: [
    'cli/main.ts',
    // Named by the bundler, in place of the SDK's own chain of credentials.
    'adapters/aws/environment-credentials.ts',
    'functions/*/handler.ts',
    'test/**/*.ts',
    'demo/*.{ts,mjs}',
    'demo/rebuild/*.ts',
    '**/*.test.ts',
  ],
  project: ['{events,core,adapters,functions,statemachines,infra,cli,test,bench,demo}/**/*.{ts,mjs}'],
  ignoreExportsUsedInFile: true,
  // Judges and makers of fixtures: the product itself starts none of them.
  ignoreBinaries: ['go', 'gpgconf', 'ssh-keygen'],
  // Loaded by createRequire; types that middy's own declarations refer to.
  ignoreDependencies: ['asl-validator', '@types/aws-lambda'],
};
export default config;
