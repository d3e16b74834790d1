import middy from '@middy/core';
import { receiveNativeEvent } from '../../core/ingest/receive.ts';
import { readEnvironment } from '../environment.ts';
import { receptionDeps } from '../reception.ts';
import { eachMessage } from '../records.ts';
import { Env } from './env.ts';

const deps = receptionDeps(readEnvironment(Env));

export const handler = middy((event: unknown) =>
  eachMessage(event, (body) => receiveNativeEvent(deps, new TextEncoder().encode(JSON.stringify(body)))),
);
