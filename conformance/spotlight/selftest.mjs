// Proves that check.mjs passes what it wants, and that it finds everything else.

import { ERRORS, ROWS, SPANS, TEXT, TRANSACTIONS, faults } from "./check.mjs";

const id = (number) => number.toString(16).padStart(16, "0");

function event(title, number) {
  const contexts = { trace: { trace_id: "1", span_id: id(0) } };
  const [, type, value] = /^(\w+): ([^]*)$/.exec(title) ?? [];
  const place = { OrderError: "shop::place_order", "Error: writing the report": "shop::write_report" };
  const named = place[type] ?? place[title];
  const frames = [{ function: "main", in_app: true }, { function: named, in_app: true }];
  const exception = { values: [{ type, value, ...(named && { stacktrace: { frames } }) }] };
  const told = type ? { exception } : { logentry: { message: title } };
  return { event_id: `e${number}`, contexts, ...told, type: "event" };
}

function transaction(number) {
  const contexts = { trace: { trace_id: "1", span_id: id(number) } };
  return { event_id: `t${number}`, transaction: "GET /", contexts, spans: [], type: "transaction" };
}

// What a Spotlight would have that got everything.
function payloads() {
  const transactions = Array.from({ length: TRANSACTIONS }, (_, number) => transaction(number));
  transactions.at(-1).transaction = "POST /imports";
  transactions.at(-1).spans = Array.from({ length: SPANS - TRANSACTIONS }, (_, row) => ({
    trace_id: "1",
    span_id: id(TRANSACTIONS + row),
    data: row < ROWS ? { row, text: TEXT } : {},
  }));
  return [...ERRORS.map(event), ...transactions];
}

function envelope(payload) {
  const text = JSON.stringify(payload);
  const header = { type: payload.type, length: Buffer.byteLength(text) };
  const body = Buffer.from(`{}\n${JSON.stringify(header)}\n${text}\n`);
  return { header: {}, items: [[header, payload]], body };
}

const changed = (change) => {
  const all = payloads();
  change(all);
  return all.map(envelope);
};

const broken = (change) => {
  const all = payloads().map(envelope);
  change(all[0], all);
  return all;
};

const imported = (all) => all.at(-1).spans;

const BAD = {
  "a transaction less": changed((all) => all.splice(ERRORS.length, 1)),
  "a transaction twice": changed((all) => all.push(all.at(-1))),
  "an error less": changed((all) => all.shift()),
  "an error twice": changed((all) => all.push({ ...all[0], event_id: "more" })),
  "an item of another kind": changed((all) => all.push({ event_id: "more", type: "log" })),
  "another text": changed((all) => (all[2].exception.values[0].value = "no such door")),
  "an error without its span": changed((all) => (all[0].contexts.trace.span_id = id(9999))),
  "two items of one id": changed((all) => (all[1].event_id = all[0].event_id)),
  "a span less": changed((all) => imported(all).pop()),
  "a span twice": changed((all) => (imported(all)[1].span_id = imported(all)[0].span_id)),
  "a text that was cut": changed((all) => (imported(all)[7].data.text = TEXT.slice(0, -1))),
  "no row of that number": changed((all) => (imported(all)[7].data.row = 6)),
  "frames the wrong way round": changed((all) => all[6].exception.values[0].stacktrace.frames.reverse()),
  "no frames": changed((all) => delete all[4].exception.values[0].stacktrace),
  "a DSN": broken((first) => (first.header.dsn = "http://key@127.0.0.1/1")),
  "a length in chars": broken((_, all) => {
    const large = all.at(-1);
    const { type, length } = large.items[0][0];
    large.body = Buffer.from(large.body.toString().replace(String(length), String(length - 40)));
    if (type !== "transaction") throw new Error(`no transaction but ${type}`);
  }),
  "bytes behind the end": broken((first) => (first.body = Buffer.from(`${first.body.subarray(0, -1)}x\n`))),
  "an item that is not shown": broken((first) => first.items.pop()),
  "an item shown changed": broken((first) => (first.items[0][1] = { ...first.items[0][1], level: "info" })),
};

const wrong = faults(payloads().map(envelope));
for (const [name, envelopes] of Object.entries(BAD)) {
  if (faults(envelopes).length === 0) wrong.push(`not found: ${name}`);
}
wrong.forEach((line) => console.log(line));
process.exit(wrong.length > 0 ? 1 : 0);
