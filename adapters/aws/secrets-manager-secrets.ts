import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Fault } from '../../core/faults.ts';
import type { Secrets } from '../../core/ports/secrets.ts';
import { isNamed } from './errors.ts';

/** During a rotation the pending value works beside the current one. */
const STAGES = ['AWSPENDING', 'AWSCURRENT'];

/** Secrets by ARN. Values are kept for five minutes, so that a delivery does not cost two calls. */
export function secretsManagerSecrets(client: SecretsManagerClient, now: () => number): Secrets {
  const kept = new Map<string, { values: readonly string[]; until: number }>();

  async function valueAt(reference: string, stage: string): Promise<string | undefined> {
    try {
      const answer = await client.send(new GetSecretValueCommand({ SecretId: reference, VersionStage: stage }));
      return answer.SecretString;
    } catch (error) {
      if (isNamed(error, 'ResourceNotFoundException')) return undefined;
      throw new Fault('StoreUnavailable', `secret ${reference} cannot be read`, { cause: error });
    }
  }

  return {
    values: async (reference) => {
      if (!reference.startsWith('arn:'))
        throw new Fault('ConfigurationInvalid', `secret ${reference}: only ARNs of Secrets Manager work here`);
      const known = kept.get(reference);
      if (known && known.until > now()) return known.values;
      const found = await Promise.all(STAGES.map((stage) => valueAt(reference, stage)));
      const values = [...new Set(found.filter((value) => value !== undefined))];
      if (values.length === 0 || values.includes(''))
        throw new Fault('ConfigurationInvalid', `secret ${reference} is empty or does not exist`);
      kept.set(reference, { values, until: now() + 300_000 });
      return values;
    },
  };
}
