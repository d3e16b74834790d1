import { expect, it } from 'vitest';
import { MACHINE_OF } from '../../core/runs/start.ts';
import { STARTED_BY } from '../../statemachines/catalog.ts';

it('starts by each event type the machine that the catalog says', () => expect(MACHINE_OF).toEqual(STARTED_BY));
