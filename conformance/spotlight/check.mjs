// Looks at what Spotlight shows of the day that tests/real_servers.rs sent to it:
//   node check.mjs http://ADDRESS
//
// Spotlight answers 200 to whatever it is sent, so what counts is what it gives back.

import { isDeepStrictEqual } from "node:util";
import { fileURLToPath } from "node:url";

const PATIENCE = 20_000;

export const TRANSACTIONS = 76;
export const SPANS = 441;
export const ROWS = 300;
export const TEXT = "Größe: 7 µm – ".repeat(20);

export const ERRORS = [
  "CustomerError: jane moved away",
  "CustomerError: joe moved away",
  "Error: no such drawer",
  "Error: the stock cannot be read",
  "Error: writing the report",
  "Error: „schön“ 🎉 is no number\n  at line 2\uFFFD",
  "OrderError: the inventory answered 500",
  "ReservationError: could not reserve 500 of product 7",
  "TooFew: TooFew(500, 12)",
  "no rate for today",
  "the card was refused",
  "the mail server is away",
  "the mail server is away",
  "the mail server is away",
];

const title = ({ exception, logentry }) => {
  const last = exception?.values.at(-1);
  return last ? `${last.type}: ${last.value}` : logentry?.message;
};

// What Spotlight shows is `envelopes`: of each the header, the items, and the bytes it got.
export function faults(envelopes) {
  const findings = envelopes.flatMap(({ body, items }) => faultsOfBytes(body, items));
  const items = envelopes.flatMap(({ items }) => items.map(([, payload]) => payload));
  const of = (type) => items.filter((payload) => payload?.type === type);
  const [transactions, events] = [of("transaction"), of("event")];

  if (transactions.length + events.length !== items.length) {
    findings.push(`${items.length} items, of which ${transactions.length} are transactions and ${events.length} events`);
  }
  if (transactions.length !== TRANSACTIONS) {
    findings.push(`${transactions.length} transactions, not ${TRANSACTIONS}`);
  }
  const spans = transactions.flatMap(({ contexts, spans = [] }) => [contexts.trace, ...spans]);
  const ids = new Set(spans.map(({ trace_id, span_id }) => `${trace_id}-${span_id}`));
  if (spans.length !== SPANS || ids.size !== SPANS) {
    findings.push(`${spans.length} spans, ${ids.size} of them different, not ${SPANS}`);
  }
  const eventIds = new Set(items.map((payload) => payload?.event_id));
  if (eventIds.size !== items.length) {
    findings.push(`${items.length} items with ${eventIds.size} ids`);
  }
  for (const { header } of envelopes) {
    if (header.dsn !== undefined) findings.push("an envelope tells a DSN");
  }

  const titles = events.map(title).sort();
  if (!isDeepStrictEqual(titles, [...ERRORS].sort())) {
    findings.push(`the errors are ${JSON.stringify(titles)}`);
  }
  for (const event of events) {
    const { trace_id, span_id } = event.contexts.trace;
    if (!ids.has(`${trace_id}-${span_id}`)) findings.push(`${title(event)}: its span is not there`);
  }
  for (const [type, place] of [["OrderError", "place_order"], ["Error", "write_report"]]) {
    const frames = events
      .flatMap(({ exception }) => exception?.values ?? [])
      .filter((value) => value.type === type)
      .flatMap(({ stacktrace }) => stacktrace?.frames ?? []);
    const innermost = frames.filter((frame) => frame.in_app).at(-1);
    if (!innermost?.function.endsWith(place)) {
      findings.push(`the innermost frame in_app of ${type} is ${innermost?.function}, not ${place}`);
    }
  }

  const large = transactions.find(({ transaction }) => transaction === "POST /imports");
  const rows = (large?.spans ?? []).filter(({ data }) => data.text === TEXT).map(({ data }) => data.row);
  if (!isDeepStrictEqual(rows.sort((one, other) => one - other), [...Array(ROWS).keys()])) {
    findings.push(`${rows.length} rows of the import are whole, not ${ROWS}`);
  }
  return findings;
}

// Spotlight reads on after an error of a byte or two; the bytes it keeps tell.
function faultsOfBytes(body, items) {
  const found = [];
  let rest = body.subarray(body.indexOf(10) + 1);
  while (rest.length > 0) {
    const end = rest.indexOf(10);
    const { type, length } = JSON.parse(rest.subarray(0, end).toString());
    const payload = rest.subarray(end + 1, end + 1 + length);
    rest = rest.subarray(end + 1 + length);
    if (payload.length !== length || (rest.length > 0 && rest[0] !== 10)) {
      return [`the ${type} is not ${length} bytes long`];
    }
    rest = rest.subarray(1);
    found.push({ ...JSON.parse(payload.toString()), type });
  }
  const shown = items.map(([, payload]) => payload);
  return isDeepStrictEqual(found, shown) ? [] : ["Spotlight shows something else than it got"];
}

// All envelopes up to one that is sent last, so that none can come later.
async function shown(address) {
  const last = crypto.randomUUID();
  await fetch(`${address}/stream`, {
    method: "POST",
    headers: { "content-type": "application/x-sentry-envelope" },
    body: `${JSON.stringify({ last })}\n`,
  });
  const signal = AbortSignal.timeout(PATIENCE);
  const stream = await fetch(`${address}/stream`, { signal });
  const envelopes = [];
  let text = "";
  for await (const chunk of stream.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const messages = text.split("\n\n");
    text = messages.pop();
    for (const message of messages) {
      const data = message.split("\n").find((line) => line.startsWith("data:"));
      if (data === undefined) continue;
      const [header, items] = JSON.parse(data.slice("data:".length));
      if (header.last === last) return envelopes;
      const kept = await fetch(`${address}/envelope/${header.__spotlight_envelope_id}`, { signal });
      envelopes.push({ header, items, body: Buffer.from(await kept.arrayBuffer()) });
    }
  }
  throw new Error("the stream ended before its last envelope");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const envelopes = await shown(process.argv[2]);
  const findings = faults(envelopes);
  findings.forEach((finding) => console.log(finding));
  console.log(`Spotlight: ${envelopes.length} envelopes, ${findings.length} findings`);
  process.exit(findings.length > 0 ? 1 : 0);
}
