import middy from '@middy/core';
import { receiveDelivery } from '../../core/ingest/receive.ts';
import { readEnvironment } from '../environment.ts';
import { httpAnswer, httpRequestOf } from '../http.ts';
import { receptionDeps } from '../reception.ts';
import { Env } from './env.ts';

const deps = receptionDeps(readEnvironment(Env));

export const handler = middy(async (event: unknown) => {
  const { parameters, ...request } = httpRequestOf(event);
  const { provider = '', instance = '' } = parameters;
  const answer = await receiveDelivery(deps, { ...request, provider, instance });
  return httpAnswer(answer.status, answer.contentType, answer.body);
});
