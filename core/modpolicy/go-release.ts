/** Versions of Go itself, as a policy and the go line write them: `1.22`, `1.22.3`, `1.23rc1`. */

const RELEASE = /^1\.(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8}))?$/;
const CANDIDATE = /^1\.(?:0|[1-9][0-9]{0,8})(?:alpha|beta|rc)[1-9][0-9]{0,8}$/;

/** A release that is no candidate. */
export const isFinalGoRelease = (text: string): boolean => RELEASE.test(text);

export const isGoRelease = (text: string): boolean => isFinalGoRelease(text) || CANDIDATE.test(text);

/** Whether a version is the allowed one or one of its line: `1.22` covers `1.22.3` and not `1.22rc1`. */
export const coversGoRelease = (allowed: string, version: string): boolean =>
  allowed === version || (/^1\.\d+$/.test(allowed) && version.startsWith(`${allowed}.`) && isFinalGoRelease(version));
