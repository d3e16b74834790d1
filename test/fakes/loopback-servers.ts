import type { Server } from 'node:http';

/** The servers of one test file, on loopback. */
export function loopbackServers() {
  const servers: Server[] = [];
  return {
    /** Starts a server at a port that is free, and answers with its host as a URL has it. */
    async listen(server: Server): Promise<string> {
      servers.push(server);
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
      const address = server.address();
      return `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    },
    /** Stops all of them, whoever is still connected. */
    stop() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}
