import * as z from 'zod';
import {
  ArtifactImageDeleted,
  ArtifactImagePushed,
  ArtifactManifestPushed,
  ArtifactReferrerPushed,
  SourceChangeProposed,
  SourceTagDeleted,
  SourceTagPushed,
} from './canonical.ts';

const PUBLISHED = {
  'artifact.image.deleted': ArtifactImageDeleted,
  'artifact.image.pushed': ArtifactImagePushed,
  'artifact.manifest.pushed': ArtifactManifestPushed,
  'artifact.referrer.pushed': ArtifactReferrerPushed,
  'source.change.proposed': SourceChangeProposed,
  'source.tag.deleted': SourceTagDeleted,
  'source.tag.pushed': SourceTagPushed,
} as const;

/** File name and text of each published JSON Schema (draft 2020-12); `urn:relseal:schema:<type>:1` is its id. */
export const jsonSchemaFiles = (): { name: string; text: string }[] =>
  Object.entries(PUBLISHED).map(([detailType, schema]) => ({
    name: `${detailType}.v1.json`,
    text: `${JSON.stringify({ $id: `urn:relseal:schema:${detailType}:1`, ...z.toJSONSchema(schema) }, undefined, 2)}\n`,
  }));
