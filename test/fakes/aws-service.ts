import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** What a service says to an action: an object, or the name of an error. */
export type AwsAnswer = object | string;

/** A service of AWS on loopback, by the protocol `awsJson1_0`. What it says is the test's. */
export async function startAwsService(answer: (action: string, body: unknown) => AwsAnswer) {
  const server = createServer(async (request, response) => {
    const [, action = ''] = String(request.headers['x-amz-target']).split('.');
    const said = answer(action, JSON.parse(await text(request)));
    const isError = typeof said === 'string';
    response.writeHead(isError ? 400 : 200, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(isError ? { __type: said, message: 'as the test says' } : said));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    /** Settings of a client that asks it, and asks once. */
    client: {
      endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    },
    stop: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
