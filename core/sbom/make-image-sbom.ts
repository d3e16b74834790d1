import * as z from 'zod';
import { CheckRecord, loadReport } from '../check.ts';
import { EvidenceRef, loadJsonEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { ImageRecord } from '../oci/image.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { defineTask, RunContext } from '../task.ts';
import { InspectionFacts, imageBill } from './image-bill.ts';
import { keepSbom } from './keep-sbom.ts';

/** Writes the bill of materials of an image from what its inspections read. */
export const makeImageSbom = defineTask({
  step: 'make-image-sbom',
  input: z.strictObject({
    step: z.literal('make-image-sbom'),
    run: RunContext,
    image: EvidenceRef,
    inspections: z.array(CheckRecord).max(256),
  }),
  output: z.strictObject({ check: CheckRecord }),
  async run({ worm }: { worm: WormStore }, { run: { tenant }, image, inspections }) {
    const record = await loadJsonEvidence(worm, tenant, image, ImageRecord);
    const reports = await Promise.all(inspections.map((inspection) => loadReport(worm, tenant, inspection)));
    const facts = reports.map(({ check, details }) => {
      const parsed = InspectionFacts.safeParse(details);
      if (check !== 'inspect-binaries' || !parsed.success)
        throw new Fault('InputInvalid', `the report of ${check} is not one of inspect-binaries`);
      return parsed.data;
    });
    const check = await keepSbom(worm, tenant, 'make-image-sbom', imageBill(record, facts), {
      subject: {
        name: `${record.repository.host}/${record.repository.name}`,
        digest: { sha256: record.digest.slice('sha256:'.length) },
      },
      from: [image],
    });
    return { check };
  },
});
