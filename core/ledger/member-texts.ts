import { canonicalJson } from '../canonical-json.ts';

/**
 * Canonical text of each member of an object, by its name. Writing them is most of what an append costs this process, so
 * each is written once: the entry and what makes two requests the same are put together from them.
 */
export type MemberTexts = ReadonlyMap<string, string>;

/** Members that are undefined are left out. */
export const memberTexts = (members: object): MemberTexts =>
  new Map(
    Object.entries(members).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, canonicalJson(value)] as const],
    ),
  );

/** The canonical text of the object with these members, whose names must be words that JSON escapes nothing of. */
export function joinedTexts(members: MemberTexts): string {
  let text = '';
  for (const name of [...members.keys()].sort()) text += `${text === '' ? '' : ','}"${name}":${members.get(name)}`;
  return `{${text}}`;
}
