import middy from '@middy/core';
import { shiftTraffic } from '../../core/promotion/shift-traffic.ts';
import { runTask } from '../../core/task.ts';
import { readEnvironment } from '../environment.ts';
import { targetChangesOf } from '../target-changes.ts';
import { Env } from './env.ts';

const deps = targetChangesOf(readEnvironment(Env));

export const handler = middy((payload: unknown) => runTask(shiftTraffic, deps, payload));
