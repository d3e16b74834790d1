import type { TagChange, TagObservation, TagState } from '../ports/tag-table.ts';

/** What is remembered of one tag; `target` is absent while it is deleted. */
export interface RememberedTag {
  readonly target?: string;
  readonly generation: number;
}

/**
 * What an observation says of a tag, and what is remembered then. A generation is an observed change (a move or a
 * deletion), so that a tag which goes and comes back with the same commit is work of its own.
 */
export function observeTag(
  remembered: RememberedTag | undefined,
  target: TagObservation['target'],
): { state: TagState; next: RememberedTag } {
  const previous = remembered?.target;
  const change = changeOf(remembered, target);
  const changed = change === 'moved' || (change === 'deleted' && previous !== undefined);
  const generation = (remembered?.generation ?? 0) + (changed ? 1 : 0);
  return {
    state: { change, generation, ...(previous === undefined ? {} : { previous }) },
    next: { generation, ...(target === undefined ? {} : { target }) },
  };
}

function changeOf(remembered: RememberedTag | undefined, target: string | undefined): TagChange {
  if (target === undefined) return 'deleted';
  if (remembered?.target === undefined) return 'created';
  return remembered.target === target ? 'republished' : 'moved';
}
