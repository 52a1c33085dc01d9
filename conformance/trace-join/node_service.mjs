// A service with Sentry's SDK for Node.js, at one place of a trace.

import { createServer, get } from "node:http";

import * as Sentry from "@sentry/node";

const fetched = (url) =>
  new Promise((resolve, reject) => {
    get(url, (answer) => answer.resume().on("end", resolve)).on("error", reject);
  });

const server = createServer(async (request, response) => {
  for (const url of new URL(request.url, "http://localhost").searchParams.getAll("next")) {
    await fetched(url);
  }
  Sentry.captureException(new Error("node trouble"));
  response.end();
});

server.listen(0, "127.0.0.1", () => {
  console.log(`listening at http://127.0.0.1:${server.address().port}`);
});

// Whoever started it closes its input at the end, also if it is killed.
process.stdin.resume().on("end", () => process.exit());
