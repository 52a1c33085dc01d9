#!/usr/bin/env python3
"""Proves that check.py passes what is clean, and that it finds each of many faults."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import sys
import tempfile
from pathlib import Path

import check

NOW = 1795167640.0
TRACE = "4c79f60c11214eb38604f4ae0781bfb2"
ROOT = "fa90fdead5f74052"
CHILD = "a1b2c3d4e5f60718"
SDK = {"name": "vendor.rust.opentelemetry", "version": "0.1.0"}

HEADER = {
    "event_id": "fc6d8c0c43fc4630ad850ee518f1b9d0",
    "sent_at": "2026-11-20T09:00:29.25Z",
    "dsn": "https://0123456789abcdef0123456789abcdef@errors.example.com/a/b/42",
    "sdk": SDK,
    "trace": {
        "trace_id": TRACE,
        "public_key": "0123456789abcdef0123456789abcdef",
        "sample_rate": "0.25",
        "sample_rand": "0.200000",
        "sampled": "true",
        "transaction": "GET /users/{id}",
    },
}

TRANSACTION = {
    "event_id": HEADER["event_id"],
    "type": "transaction",
    "platform": "native",
    "transaction": "GET /users/{id}",
    "transaction_info": {"source": "route"},
    "start_timestamp": 1795167627.5,
    "timestamp": 1795167628.500001,
    "release": "app@1.2.3",
    "dist": "42",
    "environment": "production",
    "server_name": "host-1",
    "sdk": {**SDK, "integrations": ["opentelemetry"], "settings": {"infer_ip": "never"}},
    "tags": {"region": "eu-1"},
    "user": {"id": "7"},
    "request": {"method": "GET", "url": "https://example.com/users/1?a=1"},
    "measurements": {"db.rows": {"value": 3.0, "unit": "none"}},
    "breadcrumbs": {"values": [{"timestamp": 1795167627.75, "message": "hit", "level": "info"}]},
    "contexts": {
        "trace": {
            "type": "trace",
            "trace_id": TRACE,
            "span_id": ROOT,
            "op": "http.server",
            "status": "unknown_error",
            "origin": "auto.otel",
            "data": {"http.route": "/users/{id}", "http.response.status_code": 200, "many": [1, 2]},
            "links": [{"trace_id": "5" * 32, "span_id": "6" * 16, "sampled": True}],
        },
        "otel": {"type": "otel", "resource": {"service.name": "app"}},
        "device": {"arch": "x86_64"},
    },
    "spans": [
        {
            "trace_id": TRACE,
            "span_id": CHILD,
            "parent_span_id": ROOT,
            "op": "db",
            "description": "SELECT name FROM users WHERE id = $1",
            "status": "ok",
            "origin": "auto.otel",
            "start_timestamp": 1795167627.6,
            "timestamp": 1795167627.6,
            "data": {"db.system.name": "postgresql", "big": 18446744073709551615, "ratio": 0.1},
            "tags": {"shard": "3"},
            "links": [{"trace_id": "7" * 32, "span_id": "8" * 16, "attributes": {"k": "v"}}],
        }
    ],
}

EVENT = {
    "event_id": HEADER["event_id"],
    "platform": "native",
    "level": "error",
    "timestamp": 1795167627.7,
    "transaction": "GET /users/{id}",
    "release": "app@1.2.3",
    "environment": "production",
    "sdk": SDK,
    "tags": {"region": "eu-1"},
    "exception": {
        "values": [
            {
                "type": "std::io::Error",
                "value": "connection reset",
                "mechanism": {
                    "type": "chained",
                    "exception_id": 1,
                    "parent_id": 0,
                    "source": "source",
                },
            },
            {
                "type": "app::Error",
                "value": "cannot load user",
                "module": "app",
                "mechanism": {"type": "auto.otel.exception", "handled": True, "exception_id": 0},
                "stacktrace": {
                    "frames": [
                        {"function": "_start"},
                        {"function": "app::main", "filename": "main.rs", "lineno": 3},
                    ]
                },
            },
        ]
    },
    "contexts": {
        "trace": {
            "type": "trace",
            "trace_id": TRACE,
            "span_id": CHILD,
            "parent_span_id": ROOT,
        },
        "otel": {"type": "otel", "attributes": {"exception.escaped": False}},
    },
}

LOGS = {
    "version": 2,
    "ingest_settings": {"infer_ip": "never", "infer_user_agent": "never"},
    "items": [
        {
            "timestamp": 1795167627.75,
            "trace_id": TRACE,
            "span_id": CHILD,
            "level": "warn",
            "severity_number": 14,
            "body": "the stock is low",
            "attributes": {
                "sentry.environment": {"value": "production", "type": "string"},
                "sentry.sdk.name": {"value": SDK["name"], "type": "string"},
                "sentry.sdk.version": {"value": SDK["version"], "type": "string"},
                "left": {"value": 3, "type": "integer"},
                "ratio": {"value": 0.5, "type": "double"},
                "is_last": {"value": False, "type": "boolean"},
                "places": {"value": ["a", "b"], "type": "array"},
            },
        },
        {
            "timestamp": 1795167628.0,
            "trace_id": TRACE,
            "level": "info",
            "severity_number": 9,
            "body": "",
            "attributes": {
                "sentry.environment": {"value": "production", "type": "string"},
                "sentry.sdk.name": {"value": SDK["name"], "type": "string"},
                "sentry.sdk.version": {"value": SDK["version"], "type": "string"},
            },
        },
    ],
}

SPANS = {
    "version": 2,
    "ingest_settings": {"infer_ip": "never", "infer_user_agent": "never"},
    "items": [
        {
            "trace_id": TRACE,
            "span_id": ROOT,
            "name": "GET /users/{id}",
            "status": "error",
            "is_segment": True,
            "start_timestamp": 1795167627.5,
            "end_timestamp": 1795167628.500001,
            "attributes": {
                "sentry.environment": {"value": "production", "type": "string"},
                "sentry.origin": {"value": "auto.otel", "type": "string"},
                "sentry.platform": {"value": "native", "type": "string"},
                "sentry.sdk.name": {"value": SDK["name"], "type": "string"},
                "sentry.sdk.version": {"value": SDK["version"], "type": "string"},
                "sentry.segment.id": {"value": ROOT, "type": "string"},
                "sentry.segment.name": {"value": "GET /users/{id}", "type": "string"},
                "sentry.segment.name.source": {"value": "route", "type": "string"},
                "sentry.trace_lifecycle": {"value": "stream", "type": "string"},
                "size": {"value": 1.5, "type": "double", "unit": "byte"},
                "many": {"value": [1, 2], "type": "array"},
            },
        },
        {
            "trace_id": TRACE,
            "span_id": CHILD,
            "parent_span_id": ROOT,
            "name": "SELECT users",
            "status": "ok",
            "is_segment": False,
            "start_timestamp": 1795167627.6,
            "end_timestamp": 1795167627.6,
            "attributes": {
                "sentry.environment": {"value": "production", "type": "string"},
                "sentry.origin": {"value": "auto.otel", "type": "string"},
                "sentry.platform": {"value": "native", "type": "string"},
                "sentry.sdk.name": {"value": SDK["name"], "type": "string"},
                "sentry.sdk.version": {"value": SDK["version"], "type": "string"},
                "sentry.trace_lifecycle": {"value": "stream", "type": "string"},
            },
            "links": [
                {
                    "trace_id": "7" * 32,
                    "span_id": "8" * 16,
                    "sampled": True,
                    "attributes": {"k": {"value": "v", "type": "string"}},
                }
            ],
        },
    ],
}

REPORT = {
    "timestamp": "2026-11-20T09:00:29.25Z",
    "discarded_events": [
        {"reason": "ratelimit_backoff", "category": "transaction", "quantity": 1},
        {"reason": "ratelimit_backoff", "category": "span", "quantity": 12},
    ],
}

ABSENT = object()


def item(kind: str, payload: bytes | dict, **fields: object) -> bytes:
    if isinstance(payload, dict):
        payload = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    header = {"type": kind, "length": len(payload), **fields}
    return json.dumps(header).encode() + b"\n" + payload + b"\n"


def envelope(*items: bytes, header: dict = HEADER) -> bytes:
    return json.dumps(header).encode() + b"\n" + b"".join(items)


def changed(base: dict, path: str, value: object) -> dict:
    """A copy of `base` with one value put in place, or taken out."""
    result = copy.deepcopy(base)
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place = result
    for part in way:
        place = place[part]
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return result


def transaction(path: str, value: object) -> bytes:
    return envelope(item("transaction", changed(TRANSACTION, path, value)))


def event(path: str, value: object) -> bytes:
    return envelope(item("event", changed(EVENT, path, value)), header=EVENT_HEADER)


def header(path: str, value: object) -> bytes:
    return envelope(item("transaction", TRANSACTION), header=changed(HEADER, path, value))


def log_item(payload: dict, **fields: object) -> bytes:
    count = len(payload.get("items", []))
    return item("log", payload, **{"item_count": count, "content_type": check.LOG_TYPE, **fields})


def logs(path: str, value: object) -> bytes:
    return envelope(log_item(changed(LOGS, path, value)), header=LOG_HEADER)


def first_log(path: str, value: object) -> bytes:
    return logs(f"items/0/{path}", value)


def span_item(payload: dict, **fields: object) -> bytes:
    count = len(payload.get("items", []))
    return item("span", payload, **{"item_count": count, "content_type": check.SPAN_TYPE, **fields})


def span_list(path: str, value: object) -> bytes:
    return envelope(span_item(changed(SPANS, path, value)))


def first_span(path: str, value: object) -> bytes:
    return span_list(f"items/0/{path}", value)


def many_spans(count: int, **fields: object) -> bytes:
    """Spans like the second one, each with an id of its own."""
    one = {**SPANS["items"][1], **fields}
    items = [{**one, "span_id": f"{number:016x}"} for number in range(1, count + 1)]
    return span_list("items", items)


def span_header(path: str, value: object) -> bytes:
    return envelope(span_item(SPANS), header=changed(HEADER, path, value))


def losses(path: str, value: object) -> bytes:
    return envelope(item("client_report", changed(REPORT, path, value)))


def rewritten(old: bytes, new: bytes) -> bytes:
    """The transaction with other bytes in it, and the right length."""
    _, ((kind, payload, _),) = check.split(CLEAN_TRANSACTION)
    assert old in payload, old
    return envelope(item(kind, payload.replace(old, new, 1)))


def spans(count: int, **fields: object) -> list[dict]:
    child = {**TRANSACTION["spans"][0], **fields}
    return [{**child, "span_id": f"{index + 1:016x}"} for index in range(count)]


def moved(payload: dict, distance: int) -> dict:
    """The same at another time, as a test with a clock of its own has it."""
    payload = copy.deepcopy(payload)
    crumbs = payload.get("breadcrumbs", {}).get("values", [])
    for holder in [payload, *payload.get("spans", []), *crumbs]:
        for key in {"start_timestamp", "timestamp"} & set(holder):
            holder[key] = round(holder[key] + distance, 6)
    return payload


LOG_HEADER = changed(HEADER, "trace", ABSENT)
EVENT_HEADER = changed(HEADER, "trace/transaction", ABSENT)
CLEAN_TRANSACTION = envelope(item("transaction", TRANSACTION))
CLEAN_EVENT = envelope(item("event", EVENT), header=EVENT_HEADER)
ZERO = "0" * 16
YEAR = 365 * 86400

CLEAN = {
    "a transaction": CLEAN_TRANSACTION,
    "an error event": CLEAN_EVENT,
    "logs": envelope(log_item(LOGS), header=LOG_HEADER),
    "logs and a client report": envelope(
        item("client_report", REPORT), log_item(LOGS), header=LOG_HEADER
    ),
    "100 logs": logs("items", LOGS["items"] * 50),
    "an attribute with a unit": first_log("attributes/left/unit", "piece"),
    "an array of nothing": first_log("attributes/places/value", []),
    "spans": envelope(span_item(SPANS)),
    "spans and a client report": envelope(item("client_report", REPORT), span_item(SPANS)),
    "1000 spans": many_spans(1000),
    "no newline at the end": CLEAN_TRANSACTION[:-1],
    "a client report beside a transaction": envelope(
        item("client_report", REPORT), item("transaction", TRANSACTION)
    ),
    "a client report alone": envelope(
        item("client_report", REPORT),
        header={key: HEADER[key] for key in ("sent_at", "dsn", "sdk")},
    ),
    "a newline inside of the payload": envelope(
        item("transaction", json.dumps(TRANSACTION, indent=1).encode())
    ),
    "no sampling context": header("trace", ABSENT),
    "a transaction of years ago": envelope(item("transaction", moved(TRANSACTION, -6 * YEAR))),
    "a transaction of 1970": envelope(item("transaction", moved(TRANSACTION, -1795167000))),
    "a transaction of the future": envelope(item("transaction", moved(TRANSACTION, 50 * YEAR))),
    "an event of years ago": envelope(item("event", moved(EVENT, -6 * YEAR)), header=EVENT_HEADER),
    "an event with its time as a text": event("timestamp", "2020-02-29T23:59:59.123456Z"),
    "a text of several languages": transaction("spans/0/description", "é漢😀\u2028\\\"\x01"),
    "1000 children": transaction("spans", spans(1000)),
    "an exception alone, without an id": event(
        "exception/values", [{"type": "E", "mechanism": {"type": "generic"}}]
    ),
}

# What is wrong, the envelope, and a part of the finding.
FAULTS = [
    # The bytes.
    ("nothing", b"", "framing"),
    ("only a header", envelope(), "no items"),
    ("a length too short", envelope(item("transaction", TRANSACTION, length=9)), "goes on after"),
    ("a length too long", envelope(item("event", EVENT, length=9**6)), "bytes follow"),
    ("a length as a text", envelope(item("event", EVENT, length="9")), "length is '9'"),
    ("no length", envelope(b'{"type":"event"}\n{}\n'), "length is None"),
    ("trailing garbage", CLEAN_TRANSACTION + b"x", "header of item 1"),
    ("an empty line at the end", CLEAN_TRANSACTION + b"\n", "header of item 1"),
    ("a carriage return", CLEAN_TRANSACTION.replace(b"}\n", b"}\r\n", 1), "fills a line"),
    ("still compressed", b"\x1f\x8b\x08" + CLEAN_TRANSACTION, "compressed"),
    ("two events", envelope(item("event", EVENT), item("event", EVENT)), "more than one"),
    (
        "an event with a transaction",
        envelope(item("event", EVENT), item("transaction", TRANSACTION)),
        "more than one",
    ),
    ("an item of another type", CLEAN_TRANSACTION + item("session", {}), "'session'"),
    # JSON.
    ("NaN", rewritten(b"0.1}", b"NaN}"), "NaN"),
    ("a number out of range", rewritten(b"0.1}", b"1e999}"), "out of range"),
    ("an integer beyond 64 bits", rewritten(b"18446744073709551615", b"9" * 20), "64 bits"),
    ("a key twice", rewritten(b'"dist":"42"', b'"dist":"42","dist":"42"'), "'dist' twice"),
    ("a key twice, far down", rewritten(b'"unit":', b'"unit":"byte","unit":'), "'unit' twice"),
    ("bytes that are no UTF-8", rewritten(b"eu-1", b"\xe9u-1"), "not JSON"),
    ("half of a character", rewritten(b"eu-1", b"\\ud8"), "not JSON"),
    ("a lone surrogate", rewritten(b'"/users/{id}"', b'"\\ud83d/ab"'), "surrogate"),
    ("a null", transaction("user/id", None), "null at .user.id"),
    ("a null in an array", transaction("contexts/trace/data/many/0", None), "null at"),
    # The headers.
    ("no event id in the header", header("event_id", ABSENT), "event_id is None"),
    ("an id in upper case", header("event_id", HEADER["event_id"].upper()), "event_id"),
    ("another event id", header("event_id", "1" * 32), "that of the payload"),
    ("no sdk version", header("sdk/version", ABSENT), "sdk without"),
    ("no sdk in the payload", transaction("sdk", ABSENT), "sdk without"),
    ("no time of sending", header("sent_at", ABSENT), "sent_at"),
    ("a time of sending elsewhere", header("sent_at", "2026-11-20T10:00:29+01:00"), "UTC"),
    ("no DSN", header("dsn", ABSENT), "dsn"),
    ("a DSN without key", header("dsn", "https://errors.example.com/42"), "dsn"),
    ("a project that is no number", header("dsn", "https://key@example.com/shop"), "dsn"),
    ("a rate as a number", header("trace/sample_rate", 0.25), "sample_rate is no string"),
    ("a rate over 1", header("trace/sample_rate", "2"), "sample_rate is '2'"),
    ("a rate that is no number", header("trace/sample_rate", "nan"), "sample_rate is 'nan'"),
    ("a rand of 1", header("trace/sample_rand", "1.0"), "sample_rand is"),
    ("a rand over the rate", header("trace/sample_rand", "0.250000"), "sampled true"),
    ("no public key", header("trace/public_key", ABSENT), "public_key"),
    ("the context of another trace", header("trace/trace_id", "1" * 32), "trace.trace_id"),
    ("a name from a url", transaction("transaction_info/source", "url"), "name is a url"),
    # Transactions.
    ("no type", transaction("type", ABSENT), "type is None"),
    ("no name", transaction("transaction", ""), "no name"),
    ("a name of 201 chars", transaction("transaction", "é" * 201), "201 chars"),
    ("no source", transaction("transaction_info", ABSENT), "source is None"),
    ("an unknown source", transaction("transaction_info/source", "guess"), "source is 'guess'"),
    ("the platform rust", transaction("platform", "rust"), "platform"),
    ("a transaction of Python", transaction("platform", "python"), "platform"),
    ("an event of Rust", event("platform", "rust"), "platform"),
    ("no spans", transaction("spans", ABSENT), "no array of spans"),
    ("1001 children", transaction("spans", spans(1001)), "1001 spans"),
    (
        "spans of over 800 KiB",
        transaction("spans", spans(100, description="x" * 9000)),
        "spans: 9",
    ),
    (
        "a payload of over 1 MiB",
        transaction("contexts/trace/data/text", "x" * 2**20),
        "the server takes",
    ),
    ("no trace context", transaction("contexts/trace", ABSENT), "no contexts.trace"),
    ("no status", transaction("contexts/trace/status", ABSENT), "status is None"),
    ("a status of OpenTelemetry", transaction("spans/0/status", "error"), "status is 'error'"),
    ("the same on the root", transaction("contexts/trace/status", "error"), "status is 'error'"),
    ("a zero trace id", transaction("spans/0/trace_id", "0" * 32), "trace_id is"),
    ("another trace", transaction("spans/0/trace_id", "1" * 32), "another trace"),
    ("a zero span id", transaction("spans/0/span_id", ZERO), "span_id is"),
    ("a zero parent", transaction("contexts/trace/parent_span_id", ZERO), "parent_span_id is"),
    ("a link to nowhere", transaction("spans/0/links/0/span_id", ZERO), "without a valid span_id"),
    ("a link of the root to nowhere", transaction("contexts/trace/links/0/trace_id", ZERO), "link"),
    ("a child that ends first", transaction("spans/0/timestamp", 1795167627.599999), "ends"),
    ("a root that ends first", transaction("timestamp", 1795167627.4), "ends"),
    ("no start", transaction("spans/0/start_timestamp", ABSENT), "no number of seconds"),
    (
        "an end as a text beside a start as a number",
        transaction("spans/0/timestamp", "2026-11-20T09:00:27.6Z"),
        "no number of seconds",
    ),
    ("nanoseconds", transaction("spans/0/timestamp", 1795167627.6000004), "finer than micro"),
    ("a time before 1970", transaction("spans/0/start_timestamp", -1.5), "no number of seconds"),
    ("a child of 1970", transaction("spans/0/start_timestamp", 0.0), "five days"),
    ("an origin with a dash", transaction("spans/0/origin", "auto.my-lib"), "origin"),
    ("a kind in capitals", transaction("spans/0/kind", "SERVER"), "kind"),
    ("an empty op", transaction("spans/0/op", ""), "op is ''"),
    ("an op of 129 chars", transaction("spans/0/op", "o" * 129), "_meta"),
    ("a span field that Sentry ignores", transaction("spans/0/flavour", "x"), "flavour is dropped"),
    ("a tag with an exclamation mark", transaction("tags/a!", "x"), "illegal key"),
    ("a tag with a newline", transaction("tags/region", "a\nb"), "no line of"),
    ("an empty tag", transaction("tags/region", ""), "no line of"),
    ("a long tag", transaction("spans/0/tags/shard", "x" * 201), "no line of"),
    ("a tag that is a number", transaction("tags/region", 1.5), "no string"),
    ("a tag of a reserved name", transaction("tags/release", "1"), "is a field"),
    ("an unknown field", transaction("flavour", "x"), "invalid_attribute"),
    ("a field of servers", transaction("received", 1795167628.5), "for servers"),
    ("a release with a slash", transaction("release", "a/b"), "release"),
    ("the environment none", transaction("environment", "none"), "environment"),
    ("a dist with a blank", transaction("dist", "a b"), "dist"),
    ("a context over 8 KiB", transaction("contexts/device/name", "x" * 9000), "_meta"),
    (
        "a context that is too deep",
        transaction("contexts/own", {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}),
        "is changed",
    ),
    ("an ill-named measurement", transaction("measurements/a b", {"value": 1.0}), "measurement"),
    ("a breadcrumb of level warn", transaction("breadcrumbs/values/0/level", "warn"), "level"),
    # Events.
    ("an event id in upper case", event("event_id", "A" * 32), "event_id"),
    ("an event without trace", event("contexts/trace", ABSENT), "no contexts.trace"),
    ("an event that says it is a transaction", event("type", "transaction"), "type is"),
    ("the level warn", event("level", "warn"), "level is 'warn'"),
    ("no time", event("timestamp", ABSENT), "timestamp"),
    ("a time before 1970 in an event", event("timestamp", -1.5), "timestamp is -1.5"),
    ("a time after 9999", transaction("timestamp", 253402300800.0), "no number of seconds"),
    ("a time in a text of digits", event("timestamp", "1795167627.7"), "timestamp"),
    ("no exception", event("exception", ABSENT), "neither exception"),
    ("no values", event("exception/values", []), "without values"),
    ("no frames", event("exception/values/1/stacktrace/frames", []), "without frames"),
    (
        "251 frames",
        event("exception/values/1/stacktrace/frames", [{"function": "f"}] * 251),
        "251 frames",
    ),
    ("a frame of nothing", event("exception/values/1/stacktrace/frames/1", {"lineno": 3}), "place"),
    (
        "frames with the newest first",
        event("exception/values/1/stacktrace/frames/1/function", "_start"),
        "stands last",
    ),
    (
        "an exception without words",
        event("exception/values/0", {"type": "", "mechanism": {"type": "chained"}}),
        "neither type",
    ),
    ("a mechanism of no type", event("exception/values/1/mechanism/type", ABSENT), "without type"),
    (
        "a chain with the root cause last",
        event("exception/values", EVENT["exception"]["values"][::-1]),
        "count down",
    ),
    (
        "a chain without parents",
        event("exception/values/0/mechanism/parent_id", ABSENT),
        "parent",
    ),
    ("an event with spans", event("spans", "x"), "Relay"),
    # Logs.
    ("no item_count", envelope(log_item(LOGS, item_count=None)), "null"),
    ("an item_count too high", envelope(log_item(LOGS, item_count=3)), "item_count is 3"),
    ("an item_count as a text", envelope(log_item(LOGS, item_count="2")), "item_count is '2'"),
    ("an item_count on an event", envelope(item("event", EVENT, item_count=1)), "unknown item"),
    (
        "logs that say they are JSON",
        envelope(log_item(LOGS, content_type="application/json")),
        "content_type is",
    ),
    ("two lists of logs", envelope(log_item(LOGS), log_item(LOGS)), "more than one list"),
    (
        "logs beside a transaction",
        envelope(log_item(LOGS), item("transaction", TRANSACTION)),
        "another kind",
    ),
    ("no logs", logs("items", []), "no items"),
    ("101 logs", logs("items", LOGS["items"][:1] * 101), "101 items"),
    ("logs of no version", logs("version", ABSENT), "infer_ip is not told"),
    ("an address to be guessed", logs("ingest_settings/infer_ip", "auto"), "infer_ip is not told"),
    ("a log that is a text", logs("items/1", "low"), "items[1] is no object"),
    ("a log without a trace", first_log("trace_id", ABSENT), "trace_id is None"),
    ("a log of no span", first_log("span_id", ZERO), "span_id is"),
    ("a log without a time", first_log("timestamp", ABSENT), "timestamp is None"),
    ("a time of a log as a text", first_log("timestamp", "2026-11-20T09:00:27Z"), "timestamp is"),
    ("the level warning", first_log("level", "warning"), "level is 'warning'"),
    ("a number of another level", first_log("severity_number", 17), "severity_number of warn"),
    ("a number as a fraction", first_log("severity_number", 13.5), "severity_number of warn"),
    ("a body of an object", first_log("body", {"a": 1}), "body is"),
    ("no attributes", first_log("attributes", ABSENT), "attributes are None"),
    ("a bare attribute", first_log("attributes/left", 3), "not a value and its type"),
    ("an attribute of no type", first_log("attributes/left/type", ABSENT), "not a value and"),
    ("an attribute of type int", first_log("attributes/left/type", "int"), "type is 'int'"),
    ("a text as an integer", first_log("attributes/left/value", "3"), "is no integer"),
    ("a boolean as an integer", first_log("attributes/left/value", True), "is no integer"),
    ("a fraction as an integer", first_log("attributes/left/value", 0.5), "is no integer"),
    ("an integer as a double", first_log("attributes/ratio/value", 1), "is no double"),
    ("an integer beyond i64", first_log("attributes/left/value", 2**63), "64 bits"),
    ("an empty text", first_log("attributes/sentry.sdk.name/value", ""), "is empty"),
    ("a mixed array", first_log("attributes/places/value", ["a", 1]), "array of one type"),
    ("a nested array", first_log("attributes/places/value", [["a"]]), "array of one type"),
    ("an array that is none", first_log("attributes/places/value", "a"), "array of one type"),
    ("a log of no environment", first_log("attributes/sentry.environment", ABSENT), "no attribute"),
    ("an unknown field of a log", first_log("message", "x"), "no field of a log"),
    ("a log of over 2 MiB", first_log("body", "x" * (2**21 + 1)), "more than 2097152"),
    # Spans of version 2.
    ("spans that are too many", envelope(span_item(SPANS, item_count=1)), "item_count is 1"),
    (
        "spans of version 1",
        envelope(span_item(SPANS, content_type="application/json")),
        "content_type is",
    ),
    ("two lists of spans", envelope(span_item(SPANS), span_item(SPANS)), "more than one list"),
    (
        "spans beside an event",
        envelope(span_item(SPANS), item("event", EVENT)),
        "spans beside another kind",
    ),
    ("spans beside logs", envelope(span_item(SPANS), log_item(LOGS)), "another kind"),
    ("no spans", span_list("items", []), "no items"),
    ("1001 spans", many_spans(1001), "1001 items"),
    ("spans of over 5 MB", many_spans(11, name="x" * 500_000), "at most 5000000"),
    ("spans of no trace header", span_header("trace", ABSENT), "no trace.trace_id"),
    ("spans of no key", span_header("trace/public_key", ABSENT), "no trace.public_key"),
    ("spans of no rate", span_header("trace/sample_rate", ABSENT), "no trace.sample_rate"),
    ("spans of another trace", span_header("trace/trace_id", "5" * 32), "not that of the envelope"),
    ("a span of another trace", first_span("trace_id", "5" * 32), "not that of the envelope"),
    ("an address to be guessed of spans", span_list("ingest_settings/infer_ip", ABSENT), "infer_"),
    ("a span twice", span_list("items/1/span_id", ROOT), "a second span"),
    ("a span without an id", first_span("span_id", ABSENT), "span_id is None"),
    ("a span that is its own parent", first_span("parent_span_id", ROOT), "its own parent"),
    ("a span without a name", first_span("name", ""), "name is ''"),
    ("a status of transactions", first_span("status", "not_found"), "status is 'not_found'"),
    ("a segment or not", first_span("is_segment", ABSENT), "is_segment is None"),
    ("an end before its start", first_span("end_timestamp", 1795167627.4), "before it starts"),
    ("an end by its old name", first_span("timestamp", 1795167628.5), "no field of a span"),
    ("a span without an end", first_span("end_timestamp", ABSENT), "end_timestamp is no number"),
    ("a span without attributes", first_span("attributes", ABSENT), "attributes are None"),
    ("a bare attribute of a span", first_span("attributes/size", 1.5), "not a value and its type"),
    ("an empty array of a span", first_span("attributes/many/value", []), "is empty"),
    ("a bare attribute of a link", span_list("items/1/links/0/attributes/k", "v"), "not a value"),
    ("a link of no span", span_list("items/1/links/0/span_id", ZERO), "link 0"),
    ("a span of no lifecycle", first_span("attributes/sentry.trace_lifecycle", ABSENT), "cycle"),
    ("a span of no origin", first_span("attributes/sentry.origin", ABSENT), "no attribute"),
    ("a segment without a name", first_span("attributes/sentry.segment.name", ABSENT), "without a name"),
    (
        "a segment of another",
        first_span("attributes/sentry.segment.id/value", CHILD),
        "a segment whose",
    ),
    (
        "a segment named by nothing",
        first_span("attributes/sentry.segment.name.source", ABSENT),
        "name.source is None",
    ),
    # Client reports.
    ("a report of nothing", losses("discarded_events", []), "no discarded_events"),
    ("a reason of servers", losses("discarded_events/0/reason", "filtered"), "reason is"),
    ("an unknown category", losses("discarded_events/0/category", "event"), "category is"),
    ("a loss of none", losses("discarded_events/0/quantity", 0), "quantity is 0"),
    ("half a loss", losses("discarded_events/0/quantity", 0.5), "quantity is 0.5"),
    ("a loss counted twice", losses("discarded_events/1/category", "transaction"), "two places"),
    (
        "a report of over 4 KiB",
        losses("discarded_events", REPORT["discarded_events"][:1] * 99),
        "at most 4096",
    ),
]


def command_line(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = check.main(list(arguments))
    return code, out.getvalue()


def failures_of_the_command() -> list[str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        empty, good, mixed = folder / "empty", folder / "good", folder / "mixed"
        for path in (empty, good, mixed):
            path.mkdir()
        for path in (good, mixed):
            (path / "1.envelope").write_bytes(CLEAN_TRANSACTION)
        (mixed / "2.envelope").write_bytes(transaction("platform", "rust"))
        expected = [
            ([str(good)], 0, "1 passed, 0 failed"),
            ([str(good / "1.envelope")], 0, "1 passed, 0 failed"),
            (["--min", "2", str(good)], 1, "1 passed, 0 failed"),
            ([str(mixed)], 1, "1 passed, 1 failed"),
            ([str(empty)], 1, "0 passed, 1 failed"),
            ([str(good), str(empty)], 1, "1 passed, 1 failed"),
            ([str(folder / "nowhere")], 1, "0 passed, 1 failed"),
        ]
        failures = []
        for arguments, code, last in expected:
            got, out = command_line(*arguments)
            if (got, out.splitlines()[-1]) != (code, last):
                shown = " ".join(argument.replace(name, "DIR") for argument in arguments)
                failures.append(f"check.py {shown}: exit {got}, {out.splitlines()[-1]!r}")
        return failures + [""] * (len(expected) - len(failures))


def main() -> int:
    results = []
    for name, body in CLEAN.items():
        findings = check.check_envelope(body, NOW) + check.check_envelope(body)
        results.append(f"{name} is clean, but: {findings[0]}" if findings else "")
    for name, body, part in FAULTS:
        findings = check.check_envelope(body)
        if not any(part in finding for finding in findings):
            results.append(f"{name}: no finding with {part!r} in {findings}")
        else:
            results.append("")
    results += failures_of_the_command()

    for failure in filter(None, results):
        print(f"FAILED {failure}")
    failed = sum(map(bool, results))
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
