import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dataFolder } from '../../cli/data-folder.ts';
import { defaultConfigText } from '../../cli/default-config.ts';
import { openStores } from '../../cli/stores.ts';
import { appendEntries } from '../../core/ledger/append.ts';
import type { EntryDraft } from '../../core/ledger/entry.ts';
import { publishCheckpoint } from '../../core/ledger/publish.ts';
import type { NoteSigner } from '../../core/ports/note-signer.ts';
import { formatVerifierKey, verifierKeyOf } from '../../core/tlog/note.ts';
import { TenantId } from '../../events/fields.ts';
import { fixedClock } from './fixed-clock.ts';
import { memoryNoteSigner } from './memory-signers.ts';

const TENANT = TenantId.parse('acme');
/** As in the configuration that `relseal init` writes. */
const ORIGIN = 'ledger.example.com/acme';

/** A data folder as a server leaves it, with these entries committed and published. */
export async function smallDataFolder(
  root: string,
  drafts: readonly EntryDraft[],
  configText = defaultConfigText,
  noteSigner: NoteSigner = memoryNoteSigner(),
) {
  const folder = dataFolder(root);
  await mkdir(folder.keys, { recursive: true });
  await writeFile(folder.config, configText);
  const verifierKey = formatVerifierKey(verifierKeyOf(ORIGIN, await noteSigner.publicKey()));
  await writeFile(join(folder.keys, `${TENANT}.vkey`), `${verifierKey}\n`);
  const add = async (more: readonly EntryDraft[]) => {
    const stores = openStores(folder);
    try {
      const deps = { ...stores, clock: fixedClock() };
      await appendEntries(deps, TENANT, more);
      await publishCheckpoint({ ...deps, noteSigner, originOf: () => ORIGIN }, TENANT);
    } finally {
      stores.close();
    }
  };
  await add(drafts);
  return { folder, verifierKey, add };
}
