/** The netrc format as curl and the go command read it. */

export interface NetrcLogin {
  readonly login: string;
  readonly password: string;
}

const MAX_TOKENS = 100_000;

/** Tokens are separated by white space; a `#` begins a comment where a token would begin. */
function tokensOf(text: string): string[] {
  const lines = text.split('\n');
  const tokens: string[] = [];
  for (let at = 0; at < lines.length && tokens.length < MAX_TOKENS; at += 1) {
    const words = (lines[at] ?? '').split(/[ \t\r]+/).filter((word) => word !== '');
    const end = words.findIndex((word) => word.startsWith('#') || word === 'macdef');
    tokens.push(...(end < 0 ? words : words.slice(0, end)));
    // A macro runs to the next empty line.
    if (words[end] === 'macdef') while (at + 1 < lines.length && (lines[at + 1] ?? '').trim() !== '') at += 1;
  }
  return tokens;
}

/**
 * The login of a host, or of `default` where it is behind all machines; `undefined` where there is none. The first entry
 * of a host decides, and an entry without login and password is none.
 */
export function readNetrc(text: string, hostname: string): NetrcLogin | undefined {
  const tokens = tokensOf(text);
  let isOurs = false;
  let found: { login?: string; password?: string } = {};
  const complete = () =>
    found.login !== undefined && found.password !== undefined
      ? { login: found.login, password: found.password }
      : undefined;
  for (let at = 0; at < tokens.length; at += 1) {
    const word = tokens[at];
    if (word === 'machine' || word === 'default') {
      const before = complete();
      if (isOurs && before) return before;
      found = {};
      isOurs = word === 'default' || tokens[at + 1] === hostname;
      if (word === 'machine') at += 1;
    } else if (isOurs && (word === 'login' || word === 'password')) {
      const value = tokens[at + 1];
      if (value !== undefined) found[word] ??= value;
      at += 1;
    } else if (word === 'login' || word === 'password' || word === 'account') at += 1;
  }
  return isOurs ? complete() : undefined;
}
