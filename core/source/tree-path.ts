/** Paths within a tree or a module: `/` between elements, `''` for the root. */

export const below = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);
export const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0));
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Whether a directory is given from the root of a machine, which says nothing about a tree. */
export const isAbsolute = (directory: string): boolean => /^(?:[/\\]|[A-Za-z]:)/.test(directory);

/** `directory` as seen from `folder`; `undefined` when it lies outside the tree. */
export function folderAt(folder: string, directory: string): string | undefined {
  if (isAbsolute(directory) || directory.includes('\\')) return undefined;
  const elements = folder === '' ? [] : folder.split('/');
  for (const element of directory.split('/')) {
    if (element === '' || element === '.') continue;
    if (element !== '..') elements.push(element);
    else if (elements.pop() === undefined) return undefined;
  }
  return elements.join('/');
}

/** `to` as go.mod writes a directory that is seen from `from`: it begins with a dot. */
export function directoryFrom(from: string, to: string): string {
  const [ups, downs] = [from.split('/').filter(Boolean), to.split('/').filter(Boolean)];
  while (ups.length > 0 && ups[0] === downs[0]) {
    ups.shift();
    downs.shift();
  }
  const path = [...ups.map(() => '..'), ...downs].join('/');
  return path === '' ? '.' : ups.length > 0 ? path : `./${path}`;
}
