import middy from '@middy/core';
import { dynamoClient, s3Client } from '../../adapters/aws/client.ts';
import { readLogResource } from '../../core/ledger/read.ts';
import { TenantId } from '../../events/fields.ts';
import { readEnvironment } from '../environment.ts';
import { httpAnswer, httpRequestOf } from '../http.ts';
import { ledgerOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deps = ledgerOf(s3Client(), dynamoClient(), env);
const problem = { type: 'urn:relseal:problem:log.not-found', title: 'No such resource of the log', status: 404 };

export const handler = middy(async (event: unknown) => {
  const { tenant, path = '' } = httpRequestOf(event).parameters;
  const id = TenantId.safeParse(tenant);
  const file = id.success ? await readLogResource(deps, id.data, path) : undefined;
  if (!file) return httpAnswer(404, 'application/problem+json', JSON.stringify(problem));
  const cached = file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache';
  return httpAnswer(200, file.contentType, file.bytes, cached);
});
