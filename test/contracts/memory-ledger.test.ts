import { memoryErasableStore } from '../fakes/memory-erasable-store.ts';
import { memoryLedgerStore } from '../fakes/memory-ledger-store.ts';
import { memoryNoteSigner, memorySigner } from '../fakes/memory-signers.ts';
import { memoryWormStore } from '../fakes/memory-worm-store.ts';
import { describeErasableStore } from './erasable-store.contract.ts';
import { describeLedgerStore } from './ledger-store.contract.ts';
import { describeNoteSigner, describeSigner } from './signers.contract.ts';
import { describeWormStore } from './worm-store.contract.ts';

describeLedgerStore('memory', async () => memoryLedgerStore());
describeWormStore('memory', async () => memoryWormStore());
describeErasableStore('memory', async () => memoryErasableStore());
describeSigner('memory', async () => memorySigner());
describeNoteSigner('memory', async () => memoryNoteSigner());
