import { isFault } from '../faults.ts';
import { mapBounded } from '../gosum/bounded.ts';
import type { ModuleTrust } from '../ports/module-trust.ts';
import type { PublisherSignature } from './module-facts.ts';
import type { PublishedModule } from './published-modules.ts';
import { signatureUrl } from './publisher.ts';

/** Signatures of publishers as they lie there; what they are worth the rules say. */

const MAX_QUESTIONS = 10;
const MAX_SHOWN = 1024;

async function answerOf(
  trust: ModuleTrust,
  module: PublishedModule,
  needed: boolean,
): Promise<PublisherSignature['answer']> {
  const url = signatureUrl(module.publisher, module);
  if (!url) return { kind: 'not-checked', why: 'its path or version is none' };
  try {
    const bytes = await trust.signature(url);
    return bytes ? { kind: 'found', base64: Buffer.from(bytes).toString('base64') } : { kind: 'absent' };
  } catch (error) {
    if (!isFault(error, 'SourceUnreachable') || needed) throw error;
    return { kind: 'not-checked', why: error.message.slice(0, MAX_SHOWN) };
  }
}

/**
 * Asks for each version once. Faults are those of the port; a host that is down is one only where `isNeeded` says that a
 * rule would refuse for want of its answer.
 */
export async function readSignatures(
  trust: ModuleTrust,
  modules: readonly PublishedModule[],
  isNeeded: (module: PublishedModule) => boolean,
): Promise<PublisherSignature[]> {
  const signable = modules.filter(({ lines }) => lines !== undefined);
  const once = new Map(signable.map((module) => [`${module.path}@${module.version}`, module]));
  return mapBounded([...once.values()], MAX_QUESTIONS, async (module) => ({
    module: { path: module.path, version: module.version },
    answer: await answerOf(trust, module, isNeeded(module)),
  }));
}
