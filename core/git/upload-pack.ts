import type { GitSha } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import type { ByteWindow } from './byte-window.ts';
import {
  DELIMITER_PACKET,
  FLUSH_PACKET,
  linePacket,
  lineText,
  type PktLine,
  readLines,
  readPacket,
  serverError,
} from './pkt-line.ts';
import { parseRefId } from './refs.ts';
import { unreadableGit } from './unreadable.ts';

/**
 * What a client and `git-upload-pack` say to each other (gitprotocol-v2, gitprotocol-pack, gitprotocol-http): version 2, and
 * version 0 or 1 where the server answers so. Only SHA-1 repositories.
 */

export interface RemoteRef {
  /** `refs/heads/main`, `HEAD`. */
  readonly name: string;
  readonly id: GitSha;
  /** What the server says an annotated tag leads to; a claim until the tag's own bytes are read. */
  readonly peeled?: GitSha;
}

export interface Advertisement {
  readonly version: 0 | 1 | 2;
  readonly capabilities: ReadonlyMap<string, string>;
  /** Every ref, in versions 0 and 1; version 2 is asked for them. */
  readonly refs: readonly RemoteRef[];
}

export interface FetchRequest {
  readonly wants: readonly GitSha[];
  /** The wanted commits without their parents, where the server can. */
  readonly shallow: boolean;
  /** Commits and tags without trees, where the server can. */
  readonly commitsOnly: boolean;
}

const AGENT = 'agent=relseal';

function parseCapabilities(words: readonly string[]): ReadonlyMap<string, string> {
  const capabilities = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals < 0) capabilities.set(word, '');
    else capabilities.set(word.slice(0, equals), word.slice(equals + 1));
  }
  const format = capabilities.get('object-format') ?? 'sha1';
  if (format !== 'sha1') throw new Fault('ConfigurationInvalid', 'git: only repositories with SHA-1 ids are read');
  return capabilities;
}

/** `<id> <name>` lines where `<name>^{}` gives what the tag before it leads to. */
function parseAdvertisedRefs(lines: readonly string[]): RemoteRef[] {
  const refs = new Map<string, RemoteRef>();
  for (const line of lines) {
    const space = line.indexOf(' ');
    const [first, name] = [line.slice(0, Math.max(space, 0)), line.slice(space + 1)];
    if (first === 'shallow' || name === 'capabilities^{}') continue;
    const id = parseRefId(first);
    const tagged = name.endsWith('^{}') ? refs.get(name.slice(0, -3)) : undefined;
    if (tagged) refs.set(tagged.name, { ...tagged, peeled: id });
    else if (!name.endsWith('^{}')) refs.set(name, { name, id });
  }
  return [...refs.values()];
}

/** Reads the answer to `GET info/refs?service=git-upload-pack`. */
export async function readAdvertisement(window: ByteWindow): Promise<Advertisement> {
  let lines = await readLines(window);
  // Versions 0 and 1 announce the service in a section of its own; some servers do so in version 2, too.
  if (lines[0] === '# service=git-upload-pack') lines = await readLines(window);
  const [first = ''] = lines;
  if (first === 'version 2') return { version: 2, capabilities: parseCapabilities(lines.slice(1)), refs: [] };
  const version = first === 'version 1' ? 1 : 0;
  const listed = lines.slice(version);
  const [line = ''] = listed;
  const zero = line.indexOf('\0');
  if (zero < 0) throw unreadableGit('the server does not speak the smart protocol');
  const capabilities = parseCapabilities(
    line
      .slice(zero + 1)
      .split(' ')
      .filter(Boolean),
  );
  return { version, capabilities, refs: parseAdvertisedRefs([line.slice(0, zero), ...listed.slice(1)]) };
}

const commonCapabilities = (capabilities: ReadonlyMap<string, string>): string[] => [
  ...(capabilities.has('agent') ? [AGENT] : []),
  ...(capabilities.has('object-format') ? ['object-format=sha1'] : []),
];

/** Version 2 only: asks for the refs whose names begin with one of `prefixes`. */
export function lsRefsRequest({ capabilities }: Advertisement, prefixes: readonly string[]): string {
  if (!capabilities.has('ls-refs')) throw unreadableGit('the server lists no refs');
  const head = ['command=ls-refs', ...commonCapabilities(capabilities)].map(linePacket).join('');
  const body = ['peel', ...prefixes.map((prefix) => `ref-prefix ${prefix}`)].map(linePacket).join('');
  return head + DELIMITER_PACKET + body + FLUSH_PACKET;
}

/** Reads `<id> <name>` lines with attributes; refs without an id (`unborn`) are none. */
export async function readLsRefs(window: ByteWindow): Promise<RemoteRef[]> {
  return (await readLines(window)).flatMap((line): RemoteRef[] => {
    const [id = '', name = '', ...attributes] = line.split(' ');
    if (id === 'unborn') return [];
    const peeled = attributes.find((attribute) => attribute.startsWith('peeled:'))?.slice('peeled:'.length);
    if (name === '') throw unreadableGit('a ref has no name');
    return [{ name, id: parseRefId(id), ...(peeled === undefined ? {} : { peeled: parseRefId(peeled) }) }];
  });
}

const canFilter = ({ version, capabilities }: Advertisement): boolean =>
  version === 2 ? (capabilities.get('fetch') ?? '').split(' ').includes('filter') : capabilities.has('filter');

const canBeShallow = ({ version, capabilities }: Advertisement): boolean =>
  version === 2 ? (capabilities.get('fetch') ?? '').split(' ').includes('shallow') : capabilities.has('shallow');

/** The body of `POST git-upload-pack` that asks for a pack. */
export function fetchRequest(server: Advertisement, { wants, shallow, commitsOnly }: FetchRequest): string {
  const { version, capabilities } = server;
  const options = [
    ...(shallow && canBeShallow(server) ? ['deepen 1'] : []),
    ...(commitsOnly && canFilter(server) ? ['filter tree:0'] : []),
  ];
  const common = commonCapabilities(capabilities);
  if (version === 2) {
    if (!capabilities.has('fetch')) throw unreadableGit('the server gives no packs');
    const head = ['command=fetch', ...common].map(linePacket).join('');
    const lines = ['no-progress', 'ofs-delta', ...options, ...wants.map((id) => `want ${id}`), 'done'];
    return head + DELIMITER_PACKET + lines.map(linePacket).join('') + FLUSH_PACKET;
  }
  if (!capabilities.has('side-band-64k')) throw unreadableGit('the server does not multiplex its answers');
  const optional = ['no-progress', 'ofs-delta'].filter((name) => capabilities.has(name));
  const filter = commitsOnly && canFilter(server) ? ['filter'] : [];
  const asked = ['side-band-64k', ...optional, ...filter, ...common].join(' ');
  const lines = wants.map((id, at) => linePacket(at === 0 ? `want ${id} ${asked}` : `want ${id}`));
  return lines.join('') + options.map(linePacket).join('') + FLUSH_PACKET + linePacket('done');
}

/** Skips what comes before the pack: sections of version 2, shallow and acknowledgement lines of the others. */
async function skipToPack(window: ByteWindow, version: Advertisement['version']): Promise<void> {
  for (let packet = await readPacket(window); packet; packet = await readPacket(window)) {
    const line = packet.kind === 'line' ? lineText(packet.bytes) : '';
    if (version === 2 ? line === 'packfile' : line === 'NAK') return;
    // Where the pack lies elsewhere, on a host of the server's choice: we never ask for that.
    if (line === 'packfile-uris') break;
  }
  throw unreadableGit('the server sent no pack');
}

/** The bytes of the pack out of their bands; progress is dropped, an error of the server is thrown. */
export async function* readPackBands(
  window: ByteWindow,
  version: Advertisement['version'],
): AsyncGenerator<Uint8Array> {
  await skipToPack(window, version);
  for (let packet: PktLine | undefined = await readPacket(window); ; packet = await readPacket(window)) {
    if (packet?.kind !== 'line') {
      if (packet?.kind === 'flush') return;
      throw unreadableGit('a pack ends without its flush');
    }
    const [band] = packet.bytes;
    if (band === 1) yield packet.bytes.subarray(1);
    else if (band === 3) throw serverError(packet.bytes.subarray(1));
    else if (band !== 2) throw unreadableGit('a pack comes in an unknown band');
  }
}
