// The thread's entry in a checkout; the bundle has the whole thread under this name (`cli/build.mjs`).
// Node strips types by itself from 22.18 on; before that tsx does.
if (!process.features.typescript) (await import('tsx/esm/api')).register();
await import('./zip-hash-worker.ts');
