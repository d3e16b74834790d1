import middy from '@middy/core';
import { answerOperator, DESK } from '../../core/desk/answer-operator.ts';
import { openDesk } from '../desk.ts';
import { readEnvironment } from '../environment.ts';
import { callerOf, httpAnswer, httpRequestOf, jsonOf } from '../http.ts';
import { Env } from './env.ts';

const deskOf = openDesk(readEnvironment(Env));
const json = (status: number, body: object) => httpAnswer(status, 'application/json', JSON.stringify(body));

export const handler = middy(async (event: unknown) => {
  const caller = callerOf(event);
  if (caller === undefined) return json(403, { code: 'caller.unknown' });
  const { route, body } = httpRequestOf(event);
  const answer = await answerOperator(DESK, deskOf(caller), route, jsonOf(body));
  return answer.kind === 'answered' ? json(200, answer.body) : json(400, { code: answer.code });
});
