import * as z from 'zod';
import { escapeModulePath, escapeModuleVersion } from '../gosum/module-path.ts';
import { readAllowedSigners } from '../signers/allowed-signers.ts';
import { readCosignKey } from '../signers/cosign-blob.ts';
import { readMinisignKey } from '../signers/minisign.ts';
import { readKeyring } from '../signers/openpgp/keyring.ts';
import { PgpMalformed } from '../signers/openpgp/packets.ts';

/** Who signs modules, by policy: which, with what, and where a signature lies. */

const PublisherKind = z.enum(['openpgp', 'ssh', 'minisign', 'cosign']);
type PublisherKind = z.infer<typeof PublisherKind>;

function openpgpProblem(armored: string): string | undefined {
  try {
    return readKeyring(armored).length === 0 ? 'it holds no key that may sign' : undefined;
  } catch (error) {
    if (error instanceof PgpMalformed) return error.message;
    throw error;
  }
}

function sshProblem(lines: string): string | undefined {
  const { signers, problems } = readAllowedSigners(lines);
  return problems[0]?.why ?? (signers.length === 0 ? 'it is no line of allowed signers' : undefined);
}

/** Why a key cannot be used. One that was left out would refuse modules for no fault of their publisher. */
const KEY_PROBLEMS: Readonly<Record<PublisherKind, (key: string) => string | undefined>> = {
  openpgp: openpgpProblem,
  ssh: sshProblem,
  minisign: (key) => (readMinisignKey(key) ? undefined : 'it is no public key of minisign'),
  cosign: (key) => (readCosignKey(key) ? undefined : 'it is no PEM public key of P-256 or Ed25519'),
};

/** The host is fixed, so that no module chooses who is asked; what a URL would hold as credentials is configuration. */
const TEMPLATE = /^https?:\/\/[^/?#@{}\s]+\/[^#\s]*$/;
const isTemplate = (url: string): boolean =>
  TEMPLATE.test(url) && url.includes('{path}') && url.includes('{version}') && URL.canParse(url);

export const Publisher = z
  .strictObject({
    /** Module path patterns; the first publisher with one that fits answers for a module. */
    modules: z.array(z.string().min(1).max(1024)).min(1).max(1000),
    /** `{path}` and `{version}` stand for a module's, escaped as in the GOPROXY protocol. */
    url: z.string().max(2048).refine(isTemplate, 'no URL of a fixed host with {path} and {version} behind it'),
    kind: PublisherKind,
    /**
     * Public keys, of which any may sign. `openpgp`: armored. `ssh`: lines of `allowed_signers`, namespace `file`.
     * `minisign`: as in its `.pub`. `cosign`: PEM.
     */
    keys: z.array(z.string().min(1).max(262_144)).min(1).max(100),
    /** Whether every version that is new needs a signature. */
    required: z.boolean().default(false),
  })
  .superRefine(({ kind, keys }, { addIssue }) => {
    for (const [at, key] of keys.entries()) {
      const message = KEY_PROBLEMS[kind](key);
      if (message !== undefined) addIssue({ code: 'custom', path: ['keys', at], message });
    }
  });
export type Publisher = z.infer<typeof Publisher>;

/** Where the signature of a version lies; `undefined` for what is no module version. */
export function signatureUrl(
  { url }: Pick<Publisher, 'url'>,
  { path, version }: { readonly path: string; readonly version: string },
): URL | undefined {
  const [module, escaped] = [escapeModulePath(path), escapeModuleVersion(version)];
  if (module === undefined || escaped === undefined) return undefined;
  return new URL(url.replaceAll('{path}', () => module).replaceAll('{version}', () => escaped));
}
