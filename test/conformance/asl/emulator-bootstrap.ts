import { handler, type ScriptedEvent } from './scripted-function.ts';

/** The scripted function as a runtime of its own: that of the emulator does not keep the name of a thrown error. */

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
const post = (path: string, body: unknown) => fetch(`${api}/${path}`, { method: 'POST', body: JSON.stringify(body) });
const failureOf = (error: unknown) =>
  error instanceof Error
    ? { errorType: error.name, errorMessage: error.message }
    : { errorType: 'Error', errorMessage: String(error) };

async function serve(): Promise<never> {
  for (;;) {
    const next = await fetch(`${api}/next`);
    const id = next.headers.get('lambda-runtime-aws-request-id');
    const event: ScriptedEvent = JSON.parse(await next.text());
    await handler(event).then(
      (result) => post(`${id}/response`, result),
      (error: unknown) => post(`${id}/error`, failureOf(error)),
    );
  }
}
void serve();
