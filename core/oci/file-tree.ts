import { ContentRefused } from './refused.ts';
import type { TarEntry } from './tar.ts';

/** A name in an image: what a layer put there last. */
export type FileNode<T> =
  | { readonly kind: 'file'; readonly value: T }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'directory' | 'special' };

const MAX_LINKS = 40;
/**
 * Work on names, in about nanoseconds: far more than any image needs. A small layer of deep names and whiteouts could
 * otherwise take hours, since what they cost is the product of their number and of what is there.
 */
const MAX_WORK = 50e9;
const WORK_PER_NAME = 20;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/** The names of an image after its layers so far: whiteouts, replaced folders and links as an unpacker applies them. */
export class FileTree<T> {
  private readonly nodes = new Map<string, FileNode<T>>();
  /** Names that the present layer wrote; an opaque mark hides only what lies below it. */
  private written = new Set<string>();

  private work = 0;
  private readonly maxWork: number;

  constructor(maxWork = MAX_WORK) {
    this.maxWork = maxWork;
  }

  beginLayer(): void {
    this.written = new Set();
  }

  /** Applies one entry; `value` is what is known of a regular file. */
  apply(entry: TarEntry, value: T): void {
    if (entry.path === '') return;
    const path = this.physical(entry.path);
    const slash = path.lastIndexOf('/');
    const [folder, name] = [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
    if (name === OPAQUE) this.remove(folder, { opaque: true });
    else if (name.startsWith(WHITEOUT)) this.remove(folder ? `${folder}/${name.slice(4)}` : name.slice(4), {});
    else this.put(path, entry, value);
  }

  /** The node a path leads to, links followed; `undefined` when there is none. */
  find(path: string): { path: string; node: FileNode<T> } | undefined {
    const physical = this.follow(path, true);
    const node = physical === undefined ? undefined : this.nodes.get(physical);
    return physical !== undefined && node ? { path: physical, node } : undefined;
  }

  /** Regular files in byte order of their paths. */
  files(): [string, T][] {
    return [...this.nodes]
      .flatMap(([path, node]): [string, T][] => (node.kind === 'file' ? [[path, node.value]] : []))
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }

  private put(path: string, entry: TarEntry, value: T): void {
    this.putFolders(path);
    const old = this.nodes.get(path);
    if (entry.kind === 'directory') {
      if (old?.kind !== 'directory') this.nodes.set(path, { kind: 'directory' });
    } else {
      // A name twice in one layer is one file to one unpacker and another to the next.
      if (old && old.kind !== 'directory' && this.written.has(path)) throw refuse('each name once', path);
      if (old?.kind === 'directory') this.remove(path, {});
      this.nodes.set(path, this.nodeOf(entry, value));
    }
    this.written.add(path);
  }

  /** Folders need no entry of their own: unpackers make those above a name. */
  private putFolders(path: string): void {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end);
      const old = this.nodes.get(folder);
      if (old && old.kind !== 'directory') throw refuse('folders above each name', path);
      if (old && this.written.has(folder)) return;
      this.nodes.set(folder, { kind: 'directory' });
      this.written.add(folder);
    }
  }

  private nodeOf(entry: TarEntry, value: T): FileNode<T> {
    if (entry.kind === 'symlink') return { kind: 'symlink', target: entry.target };
    if (entry.kind !== 'hardlink') return entry.kind === 'file' ? { kind: 'file', value } : { kind: 'special' };
    const target = this.physical(entry.target);
    const node = this.nodes.get(target);
    if (!node || node.kind === 'directory' || !this.written.has(target))
      throw refuse('a hard link to a file of the same layer', entry.target);
    return node;
  }

  private remove(path: string, { opaque = false }: { opaque?: boolean }): void {
    this.spend(this.nodes.size * WORK_PER_NAME);
    const inside = path === '' ? '' : `${path}/`;
    for (const name of this.nodes.keys())
      if ((name.startsWith(inside) || (!opaque && name === path)) && !(opaque && this.written.has(name)))
        this.nodes.delete(name);
  }

  private spend(work: number): void {
    this.work += work;
    if (this.work > this.maxWork)
      throw new ContentRefused('oci.limit', { expected: 'layers whose names can be put together in reasonable time' });
  }

  /** Where an entry of this name is put: links in its folders are followed inside the image's root. */
  private physical(path: string): string {
    const physical = this.follow(path, false);
    if (physical === undefined) throw refuse('folders without a circle of links', path);
    return physical;
  }

  private follow(path: string, last: boolean): string | undefined {
    const rest = path.split('/').reverse();
    const done: string[] = [];
    for (let links = 0; rest.length > 0; ) {
      const segment = rest.pop();
      if (segment === undefined || segment === '' || segment === '.') continue;
      if (segment === '..') {
        done.pop();
        continue;
      }
      done.push(segment);
      const here = done.join('/');
      this.spend(here.length);
      const node = this.nodes.get(here);
      if (node?.kind !== 'symlink' || (rest.length === 0 && !last)) continue;
      links += 1;
      if (links > MAX_LINKS) return undefined;
      done.pop();
      if (node.target.startsWith('/')) done.length = 0;
      rest.push(...node.target.split('/').reverse());
    }
    return done.join('/');
  }
}

const refuse = (expected: string, found: string): ContentRefused =>
  new ContentRefused('oci.layer-invalid', { expected, found });
