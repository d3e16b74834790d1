import * as z from 'zod';
import { ModuleVersion } from '../brands.ts';
import type { VersionFacts } from '../ports/module-source.ts';
import { isPseudoVersion, majorOf } from './go-version.ts';

/** What the GOPROXY protocol says of versions, read from its bytes. */

const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
};

/**
 * The versions of an `@v/list`: the first field of each line, pseudo-versions and what is no version left out, as the go
 * command does. Lines of which none is a version are no list but, most likely, an error page: `undefined`.
 */
export function parseVersionList(bytes: Uint8Array): readonly ModuleVersion[] | undefined {
  const lines = textOf(bytes)
    ?.split('\n')
    .map((line) => line.trim().split(/\s+/, 1)[0] ?? '')
    .filter((first) => first !== '');
  if (!lines) return undefined;
  const versions = lines.filter((first) => majorOf(first) !== undefined);
  if (versions.length === 0 && lines.length > 0) return undefined;
  return [...new Set(versions.filter((version) => !isPseudoVersion(version)))].flatMap((version) => {
    const parsed = ModuleVersion.safeParse(version);
    return parsed.success ? [parsed.data] : [];
  });
}

/** An answer of a proxy about one version; what else it holds is kept only in the bytes. */
const VersionAnswer = z.object({
  Version: ModuleVersion,
  Time: z.string().max(64).optional(),
  Origin: z
    .object({
      VCS: z.string().max(64).optional(),
      URL: z.string().max(4096).optional(),
      Ref: z.string().max(4096).optional(),
      Hash: z.string().max(256).optional(),
    })
    .nullish(),
});

/** A `.info` or `@latest`; `undefined` where the bytes are none. */
export function parseVersionFacts(bytes: Uint8Array): VersionFacts | undefined {
  const json = z.string().transform(parseJson).pipe(VersionAnswer).safeParse(textOf(bytes));
  if (!json.success) return undefined;
  const { Version: version, Time: time, Origin: origin } = json.data;
  return {
    version,
    bytes,
    ...(time === undefined ? {} : { time }),
    ...(origin ? { origin: originOf(origin) } : {}),
  };
}

function parseJson(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue('no JSON');
    return z.NEVER;
  }
}

function originOf({ VCS, URL, Ref, Hash }: NonNullable<z.infer<typeof VersionAnswer>['Origin']>) {
  return {
    ...(VCS === undefined ? {} : { vcs: VCS }),
    ...(URL === undefined ? {} : { url: URL }),
    ...(Ref === undefined ? {} : { ref: Ref }),
    ...(Hash === undefined ? {} : { hash: Hash }),
  };
}
