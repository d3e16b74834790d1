import { observeTag, type RememberedTag } from '../../core/ingest/tag-state.ts';
import type { TagState, TagTable } from '../../core/ports/tag-table.ts';

/** The tag table in memory. */
export function memoryTagTable(): TagTable {
  const tags = new Map<string, RememberedTag>();
  const answers = new Map<string, TagState>();
  return {
    observe: async ({ tenant, kind, host, repository, tag, target, eventId }) => {
      const event = JSON.stringify([tenant, eventId]);
      const answered = answers.get(event);
      if (answered) return answered;
      const id = JSON.stringify([tenant, kind, host, repository, tag]);
      const { state, next } = observeTag(tags.get(id), target);
      tags.set(id, next);
      answers.set(event, state);
      return state;
    },
  };
}
