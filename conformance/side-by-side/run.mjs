// Sends the span trees through Sentry's exporter for JavaScript and keeps what it would send:
//   node run.mjs trees.json DIRECTORY
//
// The exporter is inside of the span processor, which is what the package offers. The spans are
// those of OpenTelemetry's own SDK, with the ids and times of the trees. A transport that only
// keeps envelopes stands where the network would be.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, createTraceState, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AlwaysOnSampler, BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { ServerRuntimeClient, createTransport, parseEnvelope, setCurrentClient } from "@sentry/core";
import { SentrySpanProcessor } from "@sentry/opentelemetry";

const START_SECONDS = 1_795_167_627;

const spanId = (number) => number.toString(16).padStart(16, "0");
const traceId = (index) => `4c79f60c11214eb38604f4ae${index.toString(16).padStart(8, "0")}`;
const time = (micros) => [START_SECONDS + Math.floor(micros / 1e6), (micros % 1e6) * 1e3];

function value(json) {
  if (Array.isArray(json?.repeat)) {
    const [part, times] = json.repeat;
    return Array.isArray(part) ? Array(times).fill(part).flat() : part.repeat(times);
  }
  return json?.double ? Number(json.double) : json;
}

const attributes = (json = {}) =>
  Object.fromEntries(Object.entries(json).map(([key, json]) => [key, value(json)]));

const link = ({ trace: traceId, span: spanId, sampled = true, attributes: given }) => ({
  context: { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE },
  attributes: attributes(given),
});

function status(json) {
  if (json === "Ok") return { code: SpanStatusCode.OK };
  if (json === "Error") return { code: SpanStatusCode.ERROR };
  return { code: SpanStatusCode.ERROR, message: json.Error };
}

// The spans of a tree, started and not ended yet, each with what the tree says of it.
function started(tree, index, tracer, ids) {
  const spans = new Map();
  for (const given of tree.spans) {
    const parent = spans.get(given.parent);
    let context = ROOT_CONTEXT;
    if (parent) {
      context = trace.setSpan(context, parent.span);
    } else if (given.parent) {
      const traceState = given.trace_state && createTraceState(given.trace_state);
      context = trace.setSpanContext(context, {
        traceId: traceId(index),
        spanId: spanId(given.parent),
        traceFlags: TraceFlags.SAMPLED,
        isRemote: given.remote === true,
        traceState,
      });
    }
    ids.next = given.id;
    const span = tracer.startSpan(
      value(given.name),
      {
        kind: SpanKind[given.kind ?? "INTERNAL"],
        startTime: time(given.at[0]),
        attributes: attributes(given.attributes),
        links: (given.links ?? []).map(link),
      },
      context,
    );
    for (const event of given.events ?? []) {
      span.addEvent(event.name, attributes(event.attributes), time(event.at));
    }
    if (given.status) span.setStatus(status(given.status));
    spans.set(given.id, { given, span });
  }
  return [...spans.values()];
}

// The payloads of all items by their types, as they would go over the wire.
function items(bodies) {
  const found = { transactions: [], events: [], streamed: [] };
  for (const body of bodies) {
    for (const [header, payload] of parseEnvelope(body)[1]) {
      if (header.type === "transaction") found.transactions.push(payload);
      else if (header.type === "event") found.events.push(payload);
      else if (header.type === "span") found.streamed.push(...payload.items);
      else throw new Error(`an item of type ${header.type}`);
    }
  }
  return found;
}

async function sent(tree, index) {
  const bodies = [];
  const client = new ServerRuntimeClient({
    dsn: "https://0123456789abcdef0123456789abcdef@o1.ingest.example.com/42",
    integrations: [],
    platform: "node",
    stackParser: () => [],
    tracesSampleRate: 1,
    transport: (options) =>
      createTransport(options, async ({ body }) => {
        bodies.push(body);
        return {};
      }),
  });
  setCurrentClient(client);
  client.init();
  const processor = new SentrySpanProcessor({ client });
  const ids = {
    next: 0,
    generateTraceId: () => traceId(index),
    generateSpanId: () => spanId(ids.next),
  };
  const provider = new BasicTracerProvider({
    idGenerator: ids,
    resource: resourceFromAttributes(tree.resource),
    sampler: new AlwaysOnSampler(),
    spanLimits: { attributeCountLimit: Infinity },
    spanProcessors: [processor],
  });
  const { name = "", version } = tree.scope ?? {};
  const spans = started(tree, index, provider.getTracer(name, version), ids);
  for (const late of [false, true]) {
    // From the inside out, as spans end.
    for (const { given, span } of spans.filter(({ given }) => (given.late ?? false) === late).reverse()) {
      span.end(time(given.at[1]));
    }
    await provider.forceFlush();
  }
  await client.flush(5000);
  await provider.shutdown();
  return items(bodies);
}

const [trees, directory] = process.argv.slice(2);
mkdirSync(directory, { recursive: true });
for (const [index, tree] of JSON.parse(readFileSync(trees, "utf8")).entries()) {
  const found = await sent(tree, index);
  writeFileSync(join(directory, `${tree.name}.json`), JSON.stringify(found, null, 1));
}
