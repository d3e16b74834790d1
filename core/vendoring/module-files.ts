import { createHash } from 'node:crypto';
import { Sha256Hex } from '../../events/fields.ts';
import { type GoFileFacts, readGoFile } from '../goimports/go-file.ts';
import type { OpenedModuleZip } from '../gosum/module-zip.ts';
import type { SourceFacts } from '../source/source-facts.ts';
import { below } from '../source/tree-path.ts';

/** One file of a module as it should be vendored. */
export interface ModuleFile {
  readonly sha256: Sha256Hex;
  /** Of .go files, where they are known. */
  readonly go?: GoFileFacts;
}

/** The files of one module, whatever they are read from; paths relative to its folder. */
export interface ModuleFiles {
  readonly paths: readonly string[];
  /** One of `paths`. */
  read(path: string): Promise<ModuleFile>;
}

/** Go files up to this are looked into; the rest is only hashed, and no Go file is larger. */
const MAX_GO_BYTES = 64 * 1024 * 1024;

/** Files of a module zip, read when they are asked for, each once. */
export function filesOfZip(zip: OpenedModuleZip): ModuleFiles {
  const byPath = new Map(zip.files.map((file) => [file.path, file]));
  const known = new Map<string, Promise<ModuleFile>>();
  async function read(path: string): Promise<ModuleFile> {
    const file = byPath.get(path);
    if (!file) throw new RangeError(`no file ${path} in the zip`);
    const looksInto = path.endsWith('.go') && file.size <= MAX_GO_BYTES;
    const hash = createHash('sha256');
    const pieces: Uint8Array[] = [];
    for await (const piece of zip.content(file)) {
      hash.update(piece);
      // A copy: the reader may use its buffer again.
      if (looksInto) pieces.push(Uint8Array.from(piece));
    }
    const sha256 = Sha256Hex.parse(hash.digest('hex'));
    return looksInto ? { sha256, go: readGoFile(Buffer.concat(pieces)) } : { sha256 };
  }
  return {
    paths: [...byPath.keys()],
    read(path) {
      const file = known.get(path) ?? read(path);
      known.set(path, file);
      return file;
    },
  };
}

/** Files of a folder of the released tree. */
export function filesOfFolder({ files, go }: SourceFacts, folder: string): ModuleFiles {
  const prefix = below(folder, '');
  const facts = new Map(go.map(({ path, ...each }) => [path, each]));
  const hashes = new Map(files.map(({ path, sha256 }) => [path, sha256]));
  return {
    paths: files.flatMap(({ path }) => (path.startsWith(prefix) ? [path.slice(prefix.length)] : [])),
    async read(path) {
      const sha256 = hashes.get(prefix + path);
      if (sha256 === undefined) throw new RangeError(`no file ${path} in ${folder}`);
      const known = facts.get(prefix + path);
      return known ? { sha256, go: known } : { sha256 };
    },
  };
}
