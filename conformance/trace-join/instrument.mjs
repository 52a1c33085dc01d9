// Sets up Sentry's SDK before the service loads what it instruments.

import * as Sentry from "@sentry/node";

const rate = process.env.TRACE_JOIN_RATE;
Sentry.init({
  dsn: process.env.TRACE_JOIN_DSN,
  release: "node@1.0",
  environment: "conformance",
  // Transactions, as the other two send; its default is to send single spans.
  traceLifecycle: "static",
  ...(rate ? { tracesSampleRate: Number(rate) } : {}),
  // The same trouble comes in every chain; and sessions belong to no trace.
  integrations: (all) => all.filter(({ name }) => !["Dedupe", "ProcessSession"].includes(name)),
});
