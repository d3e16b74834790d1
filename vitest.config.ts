import { defineConfig } from 'vitest/config';

const exclude = ['**/node_modules/**', '**/dist/**', '**/cdk.out/**'];
const suite = (name: string, include: string[], more: { exclude?: string[]; timeout?: number } = {}) => ({
  test: {
    name,
    include,
    exclude: [...exclude, ...(more.exclude ?? [])],
    testTimeout: more.timeout ?? 15_000,
    hookTimeout: 60_000,
    pool: 'forks' as const,
  },
});

// Two workers: the machines this must pass on have two cores, and the journeys start servers of their own.
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      suite('unit', ['**/*.test.ts'], { exclude: ['test/journeys/**', 'test/conformance/**'] }),
      suite('journeys', ['test/journeys/**/*.test.ts'], { timeout: 120_000 }),
      suite('conformance', ['test/conformance/**/*.test.ts'], { timeout: 300_000 }),
    ],
  },
});
