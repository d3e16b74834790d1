import * as z from 'zod';
import { OciDigest, type TenantId } from '../../events/fields.ts';
import { CheckRecord, keepReport } from '../check.ts';
import { EvidenceRef, keepJsonEvidence } from '../evidence.ts';
import type { Registry } from '../ports/registry.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { ImageSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import { type ImageRecord, resolveImage } from './image.ts';
import { valueOrRefusal } from './refused.ts';

export const PlatformRef = z.strictObject({ name: z.string().min(1).max(255), digest: OciDigest });
export type PlatformRef = z.infer<typeof PlatformRef>;

export interface ImageDeps {
  readonly worm: WormStore;
  /** The registry of one repository; throws `ConfigurationInvalid` for one the tenant has not. */
  registryOf(tenant: TenantId, repository: { host: string; name: string }): Registry | Promise<Registry>;
}

/** Reads what the pushed digest stands for and keeps it; wrong or missing bytes are a refusal. */
export const resolveImageTask = defineTask({
  step: 'resolve-image',
  input: z.strictObject({ step: z.literal('resolve-image'), run: RunContext, subject: ImageSubject }),
  output: z.strictObject({
    resolved: z.boolean(),
    check: CheckRecord,
    image: z.array(EvidenceRef).max(1),
    platforms: z.array(PlatformRef).max(256),
  }),
  async run({ worm, registryOf }: ImageDeps, { run: { tenant }, subject }) {
    const repository = { host: subject.host, name: subject.repository };
    const registry = await registryOf(tenant, repository);
    const read = await valueOrRefusal(() => resolveImage(registry, subject.digest));
    const report = {
      check: 'resolve-image',
      subjects: [
        { name: `${subject.host}/${subject.repository}`, digest: { sha256: subject.digest.slice('sha256:'.length) } },
      ],
    };
    if (read.kind === 'refused') {
      const check = await keepReport(worm, tenant, { ...report, reasons: [read.refusal], evidence: [], details: {} });
      return { resolved: false, check, image: [], platforms: [] };
    }
    const { mediaType, platforms } = read.value;
    const record: ImageRecord = {
      schema: 'relseal.image/1',
      repository,
      ...(subject.tag === undefined ? {} : { tag: subject.tag }),
      digest: subject.digest,
      mediaType,
      platforms,
    };
    const image = await keepJsonEvidence(worm, tenant, 'image-manifest', record);
    const named = platforms.map(({ name, digest }) => ({ name, digest }));
    const details = { mediaType, platforms: named };
    const check = await keepReport(worm, tenant, { ...report, reasons: [], evidence: [image], details });
    return { resolved: true, check, image: [image], platforms: named };
  },
});
