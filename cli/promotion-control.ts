import { Hono } from 'hono';
import * as z from 'zod';
import { ACTS, answerOperator, type DeskDeps } from '../core/desk/answer-operator.ts';
import type { ApprovalAsk, PromotionAsk, StopAsk } from '../core/desk/asks.ts';
import { askFor, type By, type Server } from './control.ts';

/** Who asks, as the commands of this machine say it; the rest is read by the schema of what is asked. */
const Asked = z.looseObject({ operator: z.string().min(1).max(255) });

/** What may be asked of a running server, to be mounted below the check of its token: `POST /<name of the ask>`. */
export function deskApp(deskOf: (operator: string) => DeskDeps): Hono {
  const app = new Hono();
  app.post('/:name', async (context) => {
    const read = Asked.safeParse(await context.req.json().catch(() => undefined));
    if (!read.success) return context.json({ code: 'request.invalid' }, 400);
    const { operator, ...asked } = read.data;
    const answer = await answerOperator(ACTS, deskOf(operator), context.req.param('name'), asked);
    return answer.kind === 'answered' ? context.json(answer.body) : context.json({ code: answer.code }, 400);
  });
  return app;
}

const Refused = z.object({ kind: z.literal('refused'), code: z.string().regex(/^[a-z.-]{1,64}$/) });
const RequestAnswer = z.union([z.object({ kind: z.enum(['started', 'known']), runName: z.string() }), Refused]);
const ApprovalAnswer = z.union([z.object({ kind: z.literal('recorded'), missing: z.int() }), Refused]);
const StopAnswer = z.union([z.object({ kind: z.literal('stopped'), runName: z.string() }), Refused]);

export const askForPromotion = (server: Server, body: PromotionAsk & Partial<By>) =>
  askFor(server, 'promotions', body, RequestAnswer);
export const askForApproval = (server: Server, body: ApprovalAsk & Partial<By>) =>
  askFor(server, 'approvals', body, ApprovalAnswer);
export const askForStop = (server: Server, body: StopAsk & Partial<By>) => askFor(server, 'stops', body, StopAnswer);
