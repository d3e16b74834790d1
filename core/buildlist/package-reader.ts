import type { GoFileFacts } from '../goimports/go-file.ts';
import type { ModuleAt } from '../gosum/go-mod.ts';

/** The Go files of one folder by name. `none`: no such folder, or none with Go files. */
export type FolderFiles =
  | { readonly kind: 'files'; readonly files: ReadonlyMap<string, GoFileFacts> }
  | { readonly kind: 'none' }
  /** The module itself cannot be had or read: nobody knows what it holds. */
  | { readonly kind: 'unavailable'; readonly why: string };

/** What the packages of published modules are read from. An unreachable source throws. */
export interface PackageReader {
  /** `folder` is relative to the module, `''` is its root; folders hidden from patterns are read too. */
  files(module: ModuleAt, folder: string): Promise<FolderFiles>;
}
