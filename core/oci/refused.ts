import type { Refusal } from '../verdict.ts';

const cut = (text: string, max: number): string => (text.length <= max ? text : `${text.slice(0, max - 1)}…`);

/** A refusal within the bounds of its schema; what is empty is left out. */
export function refusalOf(code: string, more: Omit<Refusal, 'code'> = {}): Refusal {
  const { where, expected, found, fix } = more;
  return {
    code,
    ...(where ? { where: cut(where, 1024) } : {}),
    ...(expected ? { expected: cut(expected, 1024) } : {}),
    ...(found ? { found: cut(found, 1024) } : {}),
    ...(fix ? { fix: cut(fix, 512) } : {}),
  };
}

/**
 * Unwinds the nested streams of a blob to the one place that reads it, where it becomes a value again
 * (`valueOrRefusal`). It never leaves a task.
 */
export class ContentRefused extends Error {
  override readonly name = 'ContentRefused';
  readonly refusal: Refusal;
  constructor(code: string, more?: Omit<Refusal, 'code'>) {
    super(code);
    this.refusal = refusalOf(code, more);
  }
}

/** What the reading gave, or why its content is refused. Faults and bugs pass through. */
export async function valueOrRefusal<T>(
  reading: () => Promise<T>,
): Promise<{ kind: 'value'; value: T } | { kind: 'refused'; refusal: Refusal }> {
  try {
    return { kind: 'value', value: await reading() };
  } catch (error) {
    if (error instanceof ContentRefused) return { kind: 'refused', refusal: error.refusal };
    throw error;
  }
}
