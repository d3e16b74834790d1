/** Whom a payload mentions, in the words of the source hosts that are known. */

/** Fields of an object that stands for a person. */
const NAMES = ['login', 'username', 'email', 'name', 'full_name', 'nickname'];
/** An object that has one of these stands for a person, wherever it is. */
const TELLING = ['login', 'username', 'email'];
/** Objects that stand for a person whatever they have. */
const ROLES = new Set(['actor', 'author', 'committer', 'pusher', 'sender', 'user']);
/** Fields that name a person by themselves. */
const FLAT = ['user_name', 'user_username', 'user_email'];

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

function* namesOf(object: Record<string, unknown>, under: string): Generator<string> {
  const isPerson = ROLES.has(under) || TELLING.some((field) => typeof object[field] === 'string');
  for (const field of isPerson ? [...NAMES, ...FLAT] : FLAT) {
    const name = object[field];
    if (typeof name === 'string' && name !== '') yield name;
  }
}

/** Logins, e-mail addresses and names of people in a payload, each once. It never recurses: depth is the sender's choice. */
export function mentionsIn(payload: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  const open: [under: string, value: unknown][] = [['', payload]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [under, value] = next;
    if (Array.isArray(value)) for (const item of value) open.push([under, item]);
    else if (isObject(value)) {
      for (const name of namesOf(value, under)) names.add(name);
      for (const [field, inner] of Object.entries(value)) open.push([field, inner]);
    }
  }
  return names;
}
