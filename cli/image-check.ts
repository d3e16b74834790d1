import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OciLayoutRegistry } from '../adapters/embedded/oci-layout-registry.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { type Egress, type EgressHost, openEgress } from '../adapters/network/egress.ts';
import { ociRegistry } from '../adapters/network/oci-registry.ts';
import { resolveImage } from '../core/oci/image.ts';
import { valueOrRefusal } from '../core/oci/refused.ts';
import type { Registry } from '../core/ports/registry.ts';
import { keyIdOf } from '../core/signing/dsse.ts';
import { findSignature, type SignatureFinding } from '../core/signing/verify.ts';
import type { Refusal } from '../core/verdict.ts';
import { OciDigest } from '../events/fields.ts';
import { UsageError } from './command.ts';
import type { Report } from './report.ts';

/** An image's signature as a stranger verifies it: a reference, a public key, and what the registry shows. */

export interface ImageReference {
  /** `folder` of an OCI layout, or a repository of a registry. */
  readonly place:
    | { readonly kind: 'layout'; readonly folder: string }
    | { readonly kind: 'registry'; readonly host: string; readonly name: string };
  /** A digest, or a tag that is yet to be resolved. */
  readonly target: OciDigest | { readonly tag: string };
}

const EXPECTED = 'HOST/REPO@sha256:…, HOST/REPO:TAG, oci:DIR@sha256:… or oci:DIR:TAG';

function targetIn(text: string): { rest: string; target: ImageReference['target'] } {
  const at = text.lastIndexOf('@');
  if (at >= 0) {
    const digest = OciDigest.safeParse(text.slice(at + 1));
    if (!digest.success)
      throw new UsageError(`${text.slice(at + 1)} is no digest: sha256: and 64 lower-case hex digits`);
    return { rest: text.slice(0, at), target: digest.data };
  }
  const [, rest = '', tag = ''] = /^(.+):([A-Za-z0-9_][A-Za-z0-9._-]{0,127})$/.exec(text) ?? [];
  if (rest === '') throw new UsageError(`an image is ${EXPECTED}`);
  return { rest, target: { tag } };
}

export function parseImageReference(text: string): ImageReference {
  const isLayout = text.startsWith('oci:');
  const { rest, target } = targetIn(isLayout ? text.slice('oci:'.length) : text);
  if (isLayout) return { place: { kind: 'layout', folder: rest }, target };
  const slash = rest.indexOf('/');
  const [host, name] = [rest.slice(0, Math.max(slash, 0)), rest.slice(slash + 1)];
  // As container tools tell a host from a folder; a bare name would mean some default registry, and there is none.
  if (!/[.:]|^localhost$/.test(host) || !URL.canParse(`https://${host}/`) || name === '')
    throw new UsageError(`${text} names no registry: an image is ${EXPECTED}`);
  return { place: { kind: 'registry', host: host.toLowerCase(), name }, target };
}

const isLoopbackName = (host: string): boolean =>
  /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(new URL(`http://${host}/`).hostname);

export interface RegistryHosts {
  /** Host of the token service, where it is not the registry's own. */
  readonly token?: string;
  /** Hosts that the registry may send us to for content. */
  readonly content: readonly string[];
}

/** The named registry and nothing else, private if it is; `http` on loopback only, as container tools do. */
export function openImage(
  { place }: ImageReference,
  repository: string | undefined,
  hosts: RegistryHosts,
  signal: AbortSignal,
) {
  if (place.kind === 'layout') {
    if (!existsSync(join(place.folder, 'index.json')))
      throw new UsageError(`${place.folder} is no OCI layout: it has no index.json`);
    const registry: Registry = new OciLayoutRegistry(place.folder, repository ?? place.folder);
    return { registry, close: () => undefined };
  }
  const { host, name } = place;
  const named = [...(hosts.token === undefined ? [] : [hosts.token]), ...hosts.content];
  const allowed: EgressHost[] = [host, ...named].map((each) => ({ host: each, private: true }));
  const egress: Egress = openEgress(allowed);
  signal.addEventListener('abort', () => egress.close(), { once: true });
  const registry = ociRegistry({
    egress,
    clock: { now: systemClock.now, sleep: (ms) => systemClock.sleep(ms, signal) },
    url: `${isLoopbackName(host) ? 'http' : 'https'}://${host}`,
    host,
    name,
    ...(hosts.token === undefined ? {} : { tokenHost: hosts.token }),
    credentials: async () => undefined,
  });
  return { registry, close: () => egress.close() };
}

export const IMAGE_FIXES = {
  RegistryUnreachable: 'Check the reference and the way to the registry, and try again.',
  EgressRefused: 'If you trust that host, name it with --content-hosts or --token-host.',
} as const;

/** DER of a public key in PEM: ECDSA P-256, the one kind that signs artifacts. */
export async function readPublicKey(file: string): Promise<Uint8Array> {
  const pem = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--key ${file}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  });
  if (!pem.includes('-----BEGIN PUBLIC KEY-----'))
    throw new UsageError(`--key ${file} is no public key in PEM (-----BEGIN PUBLIC KEY-----)`);
  let key: ReturnType<typeof createPublicKey>;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new UsageError(`--key ${file} is no public key in PEM that can be read`);
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new UsageError(`--key ${file} is no ECDSA P-256 key; artifacts are signed with no other`);
  return new Uint8Array(key.export({ type: 'spki', format: 'der' }));
}

/** How `judgeStatement` writes that a signature names no repository. */
const UNNAMED = '(absent)';

const isForOther = ({ code, found }: Refusal): boolean => code === 'signature.wrong-repository' && found !== UNNAMED;

interface Signed {
  readonly finding: SignatureFinding;
  /** What the signature says it is for. */
  readonly repository: string;
}

/**
 * Finds a good signature. A layout folder has no name to compare the signed one with: unless one is given, the signature
 * may be for any repository that it names, and which one is told.
 */
async function findSigned({ registry, spki, anyRepository }: ImageCheck, digest: OciDigest): Promise<Signed> {
  const look = (repository: string) => findSignature(registry, { repository, digest, annotation: 'required' }, spki);
  const { repository } = registry;
  const finding = await look(repository);
  if (!anyRepository || finding.kind === 'valid') return { finding, repository };
  for (const named of new Set(finding.reasons.filter(isForOther).map(({ found = UNNAMED }) => found))) {
    const again = await look(named);
    if (again.kind === 'valid') return { finding: again, repository: named };
  }
  const [first, ...rest] = finding.reasons;
  return {
    finding: { kind: 'refused', reasons: [first, ...rest.filter((reason) => !isForOther(reason))] },
    repository,
  };
}

const notFound = (where: string): Refusal => ({
  code: 'oci.tag-missing',
  where: where.slice(0, 1024),
  found: 'no such tag',
  fix: 'Check the spelling, or name the image by its digest.',
});

export interface ImageCheck {
  readonly reference: ImageReference;
  readonly registry: Registry;
  readonly spki: Uint8Array;
  /** The signature may be for any repository: only for a layout that was given no name. */
  readonly anyRepository: boolean;
  progress(line: string): void;
}

/** Checks that a digest is an image, and that it and each of its platforms carry a good signature by the key. */
export async function checkImage(check: ImageCheck): Promise<Omit<Report, 'target'> & { digest?: OciDigest }> {
  const { reference, registry, spki, progress } = check;
  const { target } = reference;
  const digest = typeof target === 'string' ? target : await registry.resolveTag(target.tag);
  if (digest === undefined)
    return { reasons: [notFound(typeof target === 'string' ? target : target.tag)], unchecked: [] };
  const image = await valueOrRefusal(() => resolveImage(registry, digest));
  if (image.kind === 'refused') return { digest, reasons: [image.refusal], unchecked: [] };
  const platforms = image.value.platforms.filter((platform) => platform.digest !== digest);
  const reasons: Refusal[] = [];
  const signatures: { digest: OciDigest; manifestDigest: OciDigest; repository: string }[] = [];
  for (const signed of [digest, ...platforms.map((platform) => platform.digest)]) {
    progress(`signatures of ${signed}`);
    const { finding, repository } = await findSigned(check, signed);
    if (finding.kind === 'refused') reasons.push(...finding.reasons);
    else signatures.push({ digest: signed, manifestDigest: finding.manifestDigest, repository });
  }
  const keyId = keyIdOf(spki);
  return {
    digest,
    reasons,
    unchecked: [],
    lines: [
      ...signatures.map((each) => `${each.digest} is signed for ${each.repository} (${each.manifestDigest})`),
      `key ${keyId}`,
    ],
    details: { digest, keyId, signatures },
  };
}
