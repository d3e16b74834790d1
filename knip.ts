import type { KnipConfig } from 'knip';

const config: KnipConfig = {
  entry: [
    'cli/relseal.mjs',
    'cli/main.ts',
    'cli/build.mjs',
    'functions/*/handler.ts',
    'infra/app.ts',
    'events/write-schemas.ts',
    'bench/main.ts',
    'test/check.mjs',
    'test/**/*.ts',
    'demo/*.{ts,mjs}',
    '**/*.test.ts',
  ],
  project: ['{events,core,adapters,functions,statemachines,infra,cli,test,bench,demo}/**/*.{ts,mjs}'],
  ignoreExportsUsedInFile: true,
};
export default config;
