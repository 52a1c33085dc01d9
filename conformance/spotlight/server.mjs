// Spotlight's server, on a port of the loopback interface that the system gives.
//
// Its command line would do the same, but listens on all interfaces and reports to its makers.

import { Server } from "node:net";

import { setupSpotlight } from "@spotlightjs/spotlight";

const { listen } = Server.prototype;
Server.prototype.listen = function (port, _host, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...rest);
};

const server = await setupSpotlight({ port: 0, isStandalone: true });
console.log(`listening at http://127.0.0.1:${server.address().port}`);
