import { describe } from 'vitest';
import { memoryClaimStore } from '../fakes/memory-claim-store.ts';
import { memoryDeliveryStore } from '../fakes/memory-delivery-store.ts';
import { memoryTagTable } from '../fakes/memory-tag-table.ts';
import { memoryViews } from '../fakes/memory-views.ts';
import { claimStoreContract } from './claim-store.contract.ts';
import { deliveryStoreContract } from './delivery-store.contract.ts';
import { tagTableContract } from './tag-table.contract.ts';
import { viewsContract } from './views.contract.ts';

describe('the delivery store in memory', () => deliveryStoreContract(memoryDeliveryStore));
describe('the claim store in memory', () => claimStoreContract(memoryClaimStore));
describe('the tag table in memory', () => tagTableContract(memoryTagTable));
describe('the views in memory', () => viewsContract(memoryViews));
