#!/usr/bin/env python3
"""Checks envelopes as they arrived at a server: bytes, headers, payloads.

Usage: check.py [--min N] PATH...

Each PATH is a file, or a directory that is searched for `*.envelope`. A file holds the body of
one HTTP request, decompressed. What a server would refuse, cut or complain about is a finding;
so is what it would drop without a word. The event normaliser of Sentry's Relay has the last say.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

from sentry_relay.processing import StoreNormalizer

MAX_PAYLOAD = 1024 * 1024
MAX_SPANS = 1000
MAX_SPANS_BYTES = 800 * 1024
MAX_REPORT = 4096
MAX_LOGS = 100
MAX_LOG = 2 * 1024 * 1024
MAX_LOGS_BYTES = 12 * 1024 * 1024
# The most that Sentry's own SDKs put into a list of spans; Relay takes 12 MiB.
MAX_LIST_SPANS = 1000
MAX_LIST_BYTES = 5_000_000
MAX_FRAMES = 250
MAX_CHARS = 200
# The server takes a transaction only if all of it lies between five days ago and one minute ahead.
MAX_SPREAD = 5 * 86400 + 60
# The end of the year 9999, after which RFC 3339 has no words.
LATEST = 253_402_300_800

SHOWN_FINDINGS = 20

STATUSES = frozenset(
    "ok cancelled unknown unknown_error invalid_argument deadline_exceeded not_found "
    "already_exists permission_denied resource_exhausted failed_precondition aborted "
    "out_of_range unimplemented internal_error unavailable data_loss unauthenticated".split()
)
SOURCES = frozenset("custom url route view component task unknown".split())
LEVELS = frozenset("debug info warning error fatal".split())
# The languages whose stack traces are read; a transaction is always one of this program.
PLATFORMS = frozenset("csharp go java javascript native node php python ruby".split())
# The first of the four severities of OpenTelemetry that are this level.
LOG_LEVELS = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
LOG_TYPE = "application/vnd.sentry.items.log+json"
LOG_FIELDS = frozenset("timestamp trace_id span_id level severity_number body attributes".split())
SPAN_TYPE = "application/vnd.sentry.items.span.v2+json"
SPAN_FIELDS = frozenset(
    "trace_id span_id parent_span_id name status is_segment start_timestamp end_timestamp "
    "attributes links".split()
)
SCALARS = {"string": str, "boolean": bool, "integer": int, "double": float}
KINDS = frozenset("internal server client producer consumer".split())
REASONS = frozenset(
    "queue_overflow cache_overflow buffer_overflow ratelimit_backoff network_error send_error "
    "sample_rate before_send callback_error event_processor internal_sdk_error insufficient_data "
    "backpressure ignored invalid".split()
)
CATEGORIES = frozenset(
    "default error transaction security attachment session profile replay transaction_processed "
    "transaction_indexed monitor profile_indexed span monitor_seat feedback metric_bucket "
    "span_indexed profile_duration profile_chunk metric_second replay_video uptime "
    "attachment_item log_item log_byte profile_duration_ui profile_chunk_ui seer_autofix "
    "seer_scanner prevent_user prevent_review size_analysis installable_build trace_metric "
    "seer_user profile_backend profile_ui trace_metric_byte snapshot_image".split()
)
# Fields that only servers write.
SERVER_FIELDS = frozenset("_meta errors key_id project received version".split())
# A tag of such a name is removed, or moved to the field.
RESERVED_TAGS = frozenset("release dist user environment filename function".split())

TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")
ORIGIN = re.compile(r"[A-Za-z0-9_.]+")
TAG_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
DSN = re.compile(r"https?://[0-9A-Za-z_-]+(:[0-9A-Za-z_-]+)?@[^\s/@?#]+(/[^\s/@?#]+)*/[0-9]+")
DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--min", type=int, default=1, metavar="N", help="fail below N envelopes")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    options = parser.parse_args(arguments)

    passed = failed = 0
    for path in options.paths:
        files = sorted(path.rglob("*.envelope")) if path.is_dir() else [path]
        if not files:
            failed += 1
            report(path, ["no envelope in this directory"])
        for file in files:
            try:
                findings = check_envelope(file.read_bytes())
            except OSError as error:
                findings = [f"cannot be read: {error.strerror}"]
            if findings:
                failed += 1
                report(file, findings)
            else:
                passed += 1
    enough = passed + failed >= options.min
    if not enough:
        print(f"{passed + failed} envelopes are too few, at least {options.min} were expected")
    print(f"{passed} passed, {failed} failed")
    return 0 if enough and not failed else 1


def report(path: Path, findings: list[str]) -> None:
    print(f"FAILED {path}")
    for finding in findings[:SHOWN_FINDINGS]:
        print(f"  - {finding}")
    if len(findings) > SHOWN_FINDINGS:
        print(f"  - and {len(findings) - SHOWN_FINDINGS} more")


def check_envelope(body: bytes, now: float | None = None) -> list[str]:
    """All findings about one envelope; none if it is clean."""
    findings: list[str] = []
    try:
        header, items = split(body)
    except Malformed as error:
        return [f"framing: {error}"]

    kinds = [kind for kind, _, _ in items]
    for kind in sorted(set(kinds) - {"event", "transaction", "log", "span", "client_report"}):
        findings.append(f"item of type {kind!r} is not ours")
    mains = [(kind, payload) for kind, payload, _ in items if kind in ("event", "transaction")]
    if len(mains) > 1:
        findings.append("more than one event or transaction in an envelope")
    if kinds.count("log") > 1:
        findings.append("more than one list of logs in an envelope")
    if kinds.count("span") > 1:
        findings.append("more than one list of spans in an envelope")
    if (mains and "log" in kinds) or ("log" in kinds and "span" in kinds):
        findings.append("logs beside another kind of telemetry")
    if mains and "span" in kinds:
        findings.append("a list of spans beside another kind of telemetry")

    payloads = []
    for kind, payload in mains:
        value, text = parse(payload, kind, findings)
        if len(payload) > MAX_PAYLOAD:
            findings.append(f"{kind}: {len(payload)} bytes, the server takes {MAX_PAYLOAD}")
        if value is None:
            continue
        payloads.append(value)
        before = len(findings)
        if kind == "transaction":
            check_transaction(value, text, findings)
        else:
            check_event(value, findings)
        # With a time that is no time, there is nothing to move to the present.
        if not any("timestamp" in finding for finding in findings[before:]):
            findings.extend(normalise(value, time.time() if now is None else now))

    traces: set[object] = set()
    for kind, payload, fields in items:
        if kind == "span":
            traces |= check_spans(payload, fields, findings)
        elif kind == "client_report":
            check_report(payload, findings)
        elif kind == "log":
            check_logs(payload, fields, findings)

    header_value, _ = parse(header, "envelope header", findings)
    if header_value is not None:
        check_header(header_value, bool(mains), payloads, findings)
        if "span" in kinds:
            check_trace_of_spans(header_value.get("trace"), traces, findings)
    return findings


# Framing


class Malformed(Exception):
    """The bytes are no envelope."""


def split(body: bytes) -> tuple[bytes, list[tuple[str, bytes, dict]]]:
    """The header line and the items; whoever sends other bytes gets a 400."""
    if body[:2] == b"\x1f\x8b":
        raise Malformed("still compressed")
    header, at = line(body, 0, "envelope header")
    items = []
    while at < len(body):
        text, at = line(body, at, f"header of item {len(items)}")
        fields = item_header(text)
        kind, length = fields["type"], fields["length"]
        end = at + length
        if end > len(body):
            raise Malformed(f"{kind}: length is {length}, only {len(body) - at} bytes follow")
        items.append((kind, body[at:end], fields))
        if end < len(body) and body[end : end + 1] != b"\n":
            raise Malformed(f"{kind}: the payload goes on after its length of {length}")
        at = end + 1
    if not items:
        raise Malformed("no items")
    return header, items


def line(body: bytes, start: int, what: str) -> tuple[bytes, int]:
    end = body.find(b"\n", start)
    if end < 0:
        raise Malformed(f"{what}: no newline after it")
    text = body[start:end]
    if not (text.startswith(b"{") and text.endswith(b"}")):
        raise Malformed(f"{what}: not a JSON object that fills a line: {text[:40]!r}")
    return text, end + 1


def item_header(text: bytes) -> dict:
    findings: list[str] = []
    fields, _ = parse(text, "item header", findings)
    if fields is None or findings:
        raise Malformed("; ".join(findings))
    kind, length = fields.get("type"), fields.get("length")
    if not isinstance(kind, str):
        raise Malformed(f"item header: type is {kind!r}")
    if type(length) is not int or length < 0:
        raise Malformed(f"{kind}: length is {length!r}")
    container = {"item_count"} if kind in ("log", "span") else set()
    unknown = sorted(set(fields) - {"type", "length", "content_type"} - container)
    if unknown:
        raise Malformed(f"{kind}: unknown item header {unknown[0]!r}")
    return fields


# JSON


class Literal(float):
    """A number with a fraction or exponent that remembers how it was written."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Literal:
        literal = super().__new__(cls, text)
        literal.text = text
        return literal


def parse(data: bytes, what: str, findings: list[str]) -> tuple[dict | None, str]:
    """The object and its text; what JSON forbids and what servers mistrust are findings."""
    problems: list[str] = []

    def unique(pairs: list[tuple[str, object]]) -> dict:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            keys = [key for key, _ in pairs]
            problems.append(f"key {next(key for key in keys if keys.count(key) > 1)!r} twice")
        return fields

    def constant(text: str) -> None:
        raise ValueError(f"{text} is no JSON")

    text = ""
    value = None
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=unique, parse_constant=constant, parse_float=Literal
        )
    except RecursionError:
        problems.append("nested too deeply")
    except ValueError as error:
        problems.append(f"not JSON: {error}")
    else:
        if not isinstance(value, dict) or text[:1] != "{" or text[-1:] != "}":
            problems.append("not an object from the first byte to the last")
            value = None
        else:
            problems.extend(doubtful(value, ""))
    findings.extend(f"{what}: {problem}" for problem in problems)
    # Relay is not asked about what it could not read.
    return (value if not problems else None), text


def doubtful(value: object, path: str) -> list[str]:
    if isinstance(value, dict):
        found = [problem for key in value for problem in doubtful_text(key, path)]
        return found + [p for key, item in value.items() for p in doubtful(item, f"{path}.{key}")]
    if isinstance(value, list):
        return [p for at, item in enumerate(value) for p in doubtful(item, f"{path}[{at}]")]
    if isinstance(value, str):
        return doubtful_text(value, path)
    if value is None:
        return [f"null at {path}"]
    if isinstance(value, float) and not math.isfinite(value):
        return [f"number out of range at {path}"]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return [f"integer beyond 64 bits at {path}"]
    return []


def doubtful_text(text: str, path: str) -> list[str]:
    if any("\ud800" <= char <= "\udfff" for char in text):
        return [f"lone surrogate at {path}"]
    return []


def write(value: object) -> str:
    """JSON again, with each number written as it came."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{write(key)}:{write(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    if isinstance(value, Literal):
        return value.text
    return json.dumps(value, ensure_ascii=False)


def member_text(text: str, name: str) -> str:
    """The value of a member of the outermost object, as it stands in the text."""
    decoder = json.JSONDecoder()
    blank = re.compile(r"[ \t\n\r,:]*")
    at = blank.match(text, 1).end()
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        start = blank.match(text, at).end()
        _, end = decoder.raw_decode(text, start)
        if key == name:
            return text[start:end]
        at = blank.match(text, end).end()
    return ""


# Headers


def check_header(
    header: dict, needs_id: bool, payloads: list[dict], findings: list[str]
) -> None:
    def found(text: str) -> None:
        findings.append(f"envelope header: {text}")

    event_id = header.get("event_id")
    if (needs_id or event_id is not None) and not matches(TRACE_ID, event_id):
        found(f"event_id is {event_id!r}")
    for payload in payloads:
        if payload.get("event_id") != event_id:
            found(f"event_id is {event_id!r}, that of the payload {payload.get('event_id')!r}")

    if not is_sdk(header.get("sdk")):
        found(f"sdk without name and version: {header.get('sdk')!r}")
    sent_at = header.get("sent_at")
    if not isinstance(sent_at, str) or seconds(sent_at) is None:
        found(f"sent_at is no RFC 3339 time: {sent_at!r}")
    elif not sent_at.endswith(("Z", "+00:00")):
        found(f"sent_at is not in UTC: {sent_at!r}")
    if not matches(DSN, header.get("dsn")):
        found("dsn is missing or malformed")
    if "trace" in header:
        check_sampling_context(header["trace"], payloads, found)


def check_sampling_context(trace: object, payloads: list[dict], found) -> None:
    if not isinstance(trace, dict):
        found(f"trace is {trace!r}")
        return
    texts = {key: value for key, value in trace.items() if isinstance(value, str)}
    for key in trace:
        if key not in texts:
            found(f"trace.{key} is no string, so Relay ignores all of trace")
    if not matches(TRACE_ID, texts.get("trace_id")):
        found(f"trace.trace_id is {trace.get('trace_id')!r}")
    if not texts.get("public_key"):
        found("trace without public_key")
    rate, rand = (texts.get(key) for key in ("sample_rate", "sample_rand"))
    if rate is not None and not (matches(DECIMAL, rate) and float(rate) <= 1):
        found(f"trace.sample_rate is {rate!r}")
    elif rand is not None and not (matches(DECIMAL, rand) and float(rand) < 1):
        found(f"trace.sample_rand is {rand!r}")
    elif rate is not None and rand is not None and "sampled" in texts:
        if texts["sampled"] != ("true" if float(rand) < float(rate) else "false"):
            found(f"trace: sampled {texts['sampled']} with rate {rate} and rand {rand}")
    if texts.get("sampled", "true") not in ("true", "false"):
        found(f"trace.sampled is {texts['sampled']!r}")
    for payload in payloads:
        trace_id = at(payload, "contexts", "trace", "trace_id")
        if trace_id != trace.get("trace_id"):
            found(f"trace.trace_id is {trace.get('trace_id')!r}, that of the payload {trace_id!r}")
        if "transaction" in trace and at(payload, "transaction_info", "source") == "url":
            found("trace.transaction is told although the name is a url")


# Payloads


def check_transaction(payload: dict, text: str, findings: list[str]) -> None:
    def found(problem: str) -> None:
        findings.append(f"transaction: {problem}")

    if payload.get("type") != "transaction":
        found(f"type is {payload.get('type')!r}")
    if not str(payload.get("transaction", "")).strip():
        found("no name")
    if not one_of(SOURCES, at(payload, "transaction_info", "source")):
        found(f"transaction_info.source is {at(payload, 'transaction_info', 'source')!r}")
    check_common(payload, found)
    check_times(payload, "", found)
    trace = at(payload, "contexts", "trace")
    if isinstance(trace, dict) and not one_of(STATUSES, trace.get("status")):
        found(f"contexts.trace: status is {trace.get('status')!r}")

    spans = payload.get("spans")
    if not isinstance(spans, list):
        found("no array of spans")
        return
    if len(spans) > MAX_SPANS:
        found(f"{len(spans)} spans, at most {MAX_SPANS}")
    size = len(member_text(text, "spans").encode())
    if size > MAX_SPANS_BYTES:
        found(f"spans: {size} bytes, Relay keeps {MAX_SPANS_BYTES}")
    for index, span in enumerate(spans):
        if not isinstance(span, dict):
            found(f"spans[{index}] is no object")
            continue
        check_span(span, f"spans[{index}]", found)
        check_times(span, f"spans[{index}].", found)
        check_tags(span.get("tags", {}), f"spans[{index}].tags", found)
        if isinstance(trace, dict) and span.get("trace_id") != trace.get("trace_id"):
            found(f"spans[{index}] is of another trace")

    times = [
        seconds(holder[key])
        for holder in [payload] + [span for span in spans if isinstance(span, dict)]
        for key in ("start_timestamp", "timestamp")
        if seconds(holder.get(key)) is not None
    ]
    if times and max(times) - min(times) > MAX_SPREAD:
        found("timestamp: more than five days from the first start to the last end")


def check_event(payload: dict, findings: list[str]) -> None:
    def found(problem: str) -> None:
        findings.append(f"event: {problem}")

    if payload.get("type", "error") not in ("error", "default"):
        found(f"type is {payload['type']!r}")
    if not is_moment(payload.get("timestamp")):
        found(f"timestamp is {payload.get('timestamp')!r}")
    check_common(payload, found)
    exceptions = at(payload, "exception", "values")
    if "exception" in payload:
        if not isinstance(exceptions, list) or not exceptions:
            found("exception without values")
        else:
            for index, exception in enumerate(exceptions):
                check_exception(exception, f"exception.values[{index}]", found)
            check_chain(exceptions, found)
    elif not at(payload, "logentry"):
        found("neither exception nor logentry")
    for index, thread in enumerate(array(payload.get("threads"), "values")):
        check_stack(thread, f"threads.values[{index}]", found)


def check_common(payload: dict, found) -> None:
    if not matches(TRACE_ID, payload.get("event_id")):
        found(f"event_id is {payload.get('event_id')!r}")
    is_event = payload.get("type") != "transaction"
    platforms = PLATFORMS if is_event else {"native"}
    if not one_of(platforms, payload.get("platform")):
        found(f"platform is {payload.get('platform')!r}")
    if not is_sdk(payload.get("sdk")):
        found(f"sdk without name and version: {payload.get('sdk')!r}")
    if not one_of(LEVELS, payload.get("level", "error")):
        found(f"level is {payload['level']!r}")
    name = payload.get("transaction", "")
    if not isinstance(name, str):
        found(f"name is {name!r}")
    elif len(name) > MAX_CHARS:
        found(f"name of {len(name)} chars")
    for key in sorted(SERVER_FIELDS & set(payload)):
        found(f"{key} is for servers to write")
    check_tags(payload.get("tags", {}), "tags", found)
    trace = at(payload, "contexts", "trace")
    if isinstance(trace, dict):
        check_span(trace, "contexts.trace", found)
    else:
        found("no contexts.trace")
    for index, crumb in enumerate(breadcrumbs(payload)):
        if not one_of(LEVELS, crumb.get("level", "info")):
            found(f"breadcrumb {index}: level is {crumb['level']!r}")
        if "timestamp" in crumb and not is_moment(crumb["timestamp"]):
            found(f"breadcrumb {index}: timestamp is {crumb['timestamp']!r}")


def check_span(span: dict, path: str, found) -> None:
    """What a child span and the trace context have in common."""
    for key, pattern in (("trace_id", TRACE_ID), ("span_id", SPAN_ID), ("parent_span_id", SPAN_ID)):
        if (key in span or key != "parent_span_id") and not matches(pattern, span.get(key)):
            found(f"{path}: {key} is {span.get(key)!r}")
    if span.get("parent_span_id", "") == span.get("span_id"):
        found(f"{path}: its own parent")
    if not one_of(STATUSES, span.get("status", "ok")):
        found(f"{path}: status is {span['status']!r}")
    if "origin" in span and not matches(ORIGIN, span["origin"]):
        found(f"{path}: origin is {span['origin']!r}")
    if "op" in span and not is_text(span["op"]):
        found(f"{path}: op is {span['op']!r}")
    if not one_of(KINDS, span.get("kind", "internal")):
        found(f"{path}: kind is {span['kind']!r}")
    for index, link in enumerate(array(span, "links")):
        for key, pattern in (("trace_id", TRACE_ID), ("span_id", SPAN_ID)):
            if not isinstance(link, dict) or not matches(pattern, link.get(key)):
                found(f"{path}: link {index} without a valid {key}")


def check_times(
    holder: dict, path: str, found, keys: tuple[str, str] = ("start_timestamp", "timestamp")
) -> None:
    # One as a number and the other as a text are rounded differently, and the end may then come
    # before its start; numbers of whole microseconds keep their order.
    times = []
    for key in keys:
        value = holder.get(key)
        if not is_number(value) or not is_moment(value):
            found(f"{path}{key} is no number of seconds: {value!r}")
            return
        times.append(seconds(value))
        if times[-1] != round(times[-1], 6):
            found(f"{path}{key} is finer than microseconds: {value!r}")
    if times[1] < times[0]:
        found(f"{path}{keys[1]} ends {times[0] - times[1]} s before it starts")


def check_tags(tags: object, path: str, found) -> None:
    if not isinstance(tags, dict):
        found(f"{path} is no object")
        return
    for key, value in tags.items():
        if not matches(TAG_KEY, key):
            found(f"{path}: illegal key {key!r}")
        if key in RESERVED_TAGS:
            found(f"{path}: {key!r} is a field, not a tag")
        if not isinstance(value, str):
            found(f"{path}: {key!r} is no string but {value!r}")
        elif not value or len(value) > MAX_CHARS or "\n" in value or "\r" in value:
            found(f"{path}: {key!r} is no line of 1 to {MAX_CHARS} chars: {value[:40]!r}")


def check_exception(exception: object, path: str, found) -> None:
    if not isinstance(exception, dict):
        found(f"{path} is no object")
        return
    if not is_text(exception.get("type")) and not is_text(exception.get("value")):
        found(f"{path}: neither type nor value")
    mechanism = exception.get("mechanism", {"type": "none"})
    if not isinstance(mechanism, dict) or not is_text(mechanism.get("type")):
        found(f"{path}: mechanism without type")
    elif not isinstance(mechanism.get("handled", True), bool):
        found(f"{path}: mechanism.handled is {mechanism['handled']!r}")
    check_stack(exception, path, found)


def check_chain(exceptions: list, found) -> None:
    """The root cause stands first; the outermost stands last, has id 0 and no parent."""
    ids = [at(exception, "mechanism", "exception_id") for exception in exceptions]
    parents = [at(exception, "mechanism", "parent_id") for exception in exceptions]
    if len(exceptions) == 1 and ids == [None]:
        ids = [0]
    if ids != list(range(len(ids)))[::-1]:
        found(f"exception ids do not count down to 0: {ids}")
    elif any(type(parent) is not int or parent >= own for parent, own in zip(parents[:-1], ids)):
        found(f"exceptions whose parent is not nearer to the outermost: {parents}")
    elif parents[-1] is not None:
        found("the outermost exception has a parent")


def check_stack(holder: object, path: str, found) -> None:
    if not isinstance(holder, dict) or "stacktrace" not in holder:
        return
    frames = at(holder, "stacktrace", "frames")
    if not isinstance(frames, list) or not frames:
        found(f"{path}: stacktrace without frames")
        return
    if len(frames) > MAX_FRAMES:
        found(f"{path}: {len(frames)} frames, Relay keeps {MAX_FRAMES}")
    for index, frame in enumerate(frames):
        names = ("function", "filename", "instruction_addr")
        if not isinstance(frame, dict) or not any(is_text(frame.get(name)) for name in names):
            found(f"{path}: frame {index} tells no place")
            continue
        for key in ("lineno", "colno"):
            if type(frame.get(key, 0)) is not int or frame.get(key, 0) < 0:
                found(f"{path}: frame {index}: {key} is {frame[key]!r}")
    # The loader calls everything else, so it can only be the oldest.
    if len(frames) > 1 and str(at(frames[-1], "function")).startswith(("_start", "__libc_start")):
        found(f"{path}: the oldest frame stands last")


def check_logs(payload: bytes, header: dict, findings: list[str]) -> None:
    """A list of logs; the normaliser of Relay that is asked about events knows none."""

    def found(problem: str) -> None:
        findings.append(f"log: {problem}")

    limits = (MAX_LOGS, MAX_LOGS_BYTES)
    value, _ = parse(payload, "log", findings)
    for path, log in list_items(value, len(payload), header, LOG_TYPE, limits, found):
        check_log(log, path, found)


def list_items(
    value: dict | None,
    size: int,
    header: dict,
    content_type: str,
    limits: tuple[int, int],
    found,
) -> list[tuple[str, dict]]:
    """What is in a list, by its path, after a look at the list as a whole."""
    if header.get("content_type") != content_type:
        found(f"content_type is {header.get('content_type')!r}")
    if size > limits[1]:
        found(f"{size} bytes, at most {limits[1]}")
    if value is None:
        return []
    items = value.get("items")
    if not isinstance(items, list) or not items:
        found("no items")
        return []
    count = header.get("item_count")
    if type(count) is not int or count != len(items):
        found(f"item_count is {count!r}, there are {len(items)} items")
    if len(items) > limits[0]:
        found(f"{len(items)} items, at most {limits[0]}")
    # Without these, the server takes its own sender for a user.
    settings = value.get("ingest_settings")
    for key in ("infer_ip", "infer_user_agent"):
        if value.get("version") != 2 or at(settings, key) != "never":
            found(f"{key} is not told to be never")
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            found(f"items[{index}] is no object")
    named = ((f"items[{index}]", item) for index, item in enumerate(items))
    return [(path, item) for path, item in named if isinstance(item, dict)]


def check_spans(payload: bytes, header: dict, findings: list[str]) -> set[object]:
    """A list of spans of version 2; gives their traces."""

    def found(problem: str) -> None:
        findings.append(f"span: {problem}")

    limits = (MAX_LIST_SPANS, MAX_LIST_BYTES)
    value, _ = parse(payload, "span", findings)
    traces: set[object] = set()
    ids: set[object] = set()
    for path, span in list_items(value, len(payload), header, SPAN_TYPE, limits, found):
        check_single_span(span, path, found)
        trace, span_id = str(span.get("trace_id")), str(span.get("span_id"))
        traces.add(trace)
        if (trace, span_id) in ids:
            found(f"{path}: a second span {span_id}")
        ids.add((trace, span_id))
    return traces


def check_trace_of_spans(trace: object, traces: set[object], findings: list[str]) -> None:
    """Relay takes no spans without a header of their trace."""
    for key in ("trace_id", "public_key", "sample_rate"):
        if not is_text(at(trace, key)):
            findings.append(f"envelope header: spans, but no trace.{key}")
    for span_trace in sorted(traces - {at(trace, "trace_id")}, key=str):
        findings.append(f"span: of the trace {span_trace}, which is not that of the envelope")


def check_single_span(span: dict, path: str, found) -> None:
    for key in sorted(set(span) - SPAN_FIELDS):
        found(f"{path}: {key} is no field of a span")
    check_span({**span, "status": "ok"}, path, found)
    check_times(span, f"{path}.", found, ("start_timestamp", "end_timestamp"))
    if not is_text(span.get("name")):
        found(f"{path}: name is {span.get('name')!r}")
    if not one_of(frozenset({"ok", "error"}), span.get("status")):
        found(f"{path}: status is {span.get('status')!r}")
    if not isinstance(span.get("is_segment"), bool):
        found(f"{path}: is_segment is {span.get('is_segment')!r}")
    attributes = span.get("attributes")
    if not isinstance(attributes, dict):
        found(f"{path}: attributes are {attributes!r}")
        return
    for key, attribute in attributes.items():
        check_attribute(attribute, f"{path}: attribute {key!r}", found)
        if at(attribute, "value") == []:
            found(f"{path}: attribute {key!r} is empty")
    for index, link in enumerate(array(span, "links")):
        for key, attribute in fields(link, "attributes").items():
            check_attribute(attribute, f"{path}: link {index}: attribute {key!r}", found)

    def told(key: str) -> object:
        return at(attributes, key, "value")

    for key in ("sdk.name", "sdk.version", "environment", "origin", "platform"):
        if not is_text(told(f"sentry.{key}")):
            found(f"{path}: no attribute sentry.{key}")
    if told("sentry.trace_lifecycle") != "stream":
        found(f"{path}: sentry.trace_lifecycle is {told('sentry.trace_lifecycle')!r}")
    # Whoever sends a span before its root has ended cannot know its segment; but the application may
    # have named one.
    segment, name = told("sentry.segment.id"), told("sentry.segment.name")
    if segment is not None and name is None:
        found(f"{path}: a segment without a name")
    if segment is not None and not matches(SPAN_ID, segment):
        found(f"{path}: sentry.segment.id is {segment!r}")
    if span.get("is_segment") is True:
        if segment != span.get("span_id"):
            found(f"{path}: a segment whose sentry.segment.id is {segment!r}")
        if not one_of(SOURCES, told("sentry.segment.name.source")):
            found(f"{path}: sentry.segment.name.source is {told('sentry.segment.name.source')!r}")


def check_log(log: dict, path: str, found) -> None:
    for key in sorted(set(log) - LOG_FIELDS):
        found(f"{path}: {key} is no field of a log")
    for key, pattern in (("trace_id", TRACE_ID), ("span_id", SPAN_ID)):
        if (key in log or key == "trace_id") and not matches(pattern, log.get(key)):
            found(f"{path}: {key} is {log.get(key)!r}")
    if not is_number(log.get("timestamp")) or not is_moment(log["timestamp"]):
        found(f"{path}: timestamp is {log.get('timestamp')!r}")
    level, number = log.get("level"), log.get("severity_number")
    if not isinstance(level, str) or level not in LOG_LEVELS:
        found(f"{path}: level is {level!r}")
    elif type(number) is not int or not 0 <= number - LOG_LEVELS[level] < 4:
        found(f"{path}: severity_number of {level} is {number!r}")
    if not isinstance(log.get("body"), str):
        found(f"{path}: body is {log.get('body')!r}")
    if len(write(log).encode()) > MAX_LOG:
        found(f"{path}: more than {MAX_LOG} bytes")
    attributes = log.get("attributes")
    if not isinstance(attributes, dict):
        found(f"{path}: attributes are {attributes!r}")
        return
    for key, attribute in attributes.items():
        check_attribute(attribute, f"{path}: attribute {key!r}", found)
    for key in ("sentry.sdk.name", "sentry.sdk.version", "sentry.environment"):
        if not is_text(at(attributes, key, "value")):
            found(f"{path}: no attribute {key}")


def check_attribute(attribute: object, path: str, found) -> None:
    if not isinstance(attribute, dict) or set(attribute) - {"unit"} != {"value", "type"}:
        found(f"{path} is not a value and its type: {excerpt(attribute)}")
        return
    kind, value = attribute["type"], attribute["value"]
    if kind == "array":
        kinds = {type(item) for item in value} if isinstance(value, list) else {None}
        if not kinds <= {str, bool, int, Literal} or len(kinds) > 1:
            found(f"{path} is no array of one type: {excerpt(value)}")
        return
    if not isinstance(kind, str) or kind not in SCALARS:
        found(f"{path}: type is {kind!r}")
    elif not isinstance(value, SCALARS[kind]) or (kind == "integer" and type(value) is not int):
        found(f"{path} is no {kind}: {excerpt(value)}")
    elif kind == "integer" and not -(2**63) <= value < 2**63:
        found(f"{path} is no integer of 64 bits: {value}")
    elif value == "":
        found(f"{path} is empty")


def check_report(payload: bytes, findings: list[str]) -> None:
    def found(problem: str) -> None:
        findings.append(f"client_report: {problem}")

    if len(payload) > MAX_REPORT:
        found(f"{len(payload)} bytes, at most {MAX_REPORT}")
    value, _ = parse(payload, "client_report", findings)
    if value is None:
        return
    if "timestamp" in value and not is_moment(value["timestamp"]):
        found(f"timestamp is {value['timestamp']!r}")
    for key in sorted(set(value) - {"timestamp", "discarded_events"}):
        found(f"{key} is not for SDKs to send")
    losses = value.get("discarded_events")
    if not isinstance(losses, list) or not losses:
        found("no discarded_events")
        return
    seen = set()
    for loss in losses:
        if not isinstance(loss, dict) or set(loss) != {"reason", "category", "quantity"}:
            found(f"not a reason, a category and a quantity: {loss!r}")
            continue
        kind = f"{loss['reason']}/{loss['category']}"
        if not one_of(REASONS, loss["reason"]):
            found(f"reason is {loss['reason']!r}")
        if not one_of(CATEGORIES, loss["category"]):
            found(f"category is {loss['category']!r}")
        if type(loss["quantity"]) is not int or loss["quantity"] <= 0:
            found(f"quantity is {loss['quantity']!r}")
        if kind in seen:
            found(f"{kind} is counted in two places")
        seen.add(kind)


# Relay


NORMALIZER = StoreNormalizer(
    project_id=1,
    protocol_version="7",
    enable_trimming=True,
    is_renormalize=False,
    remove_other=True,
    normalize_user_agent=True,
    max_secs_in_past=30 * 86400,
    max_secs_in_future=60,
)


def normalise(payload: dict, now: float) -> list[str]:
    """What Relay complains about, and what it takes out or changes without complaint."""
    try:
        sent = to_present(payload, now)
        stored = NORMALIZER.normalize_event(raw_event=write(sent))
    except Exception as error:  # noqa: BLE001, each of Relay's errors has a class of its own
        return [f"Relay: {type(error).__name__}: {str(error).split(chr(10))[0]}"]
    findings = [f"Relay: {json.dumps(error)[:300]}" for error in stored.get("errors") or []]
    meta = dict(stored.get("_meta") or {})
    if (sent.get("transaction_info") or {}).get("source") == "url":
        # Relay replaces ids in such names, as it is meant to, and notes what they were.
        meta.pop("transaction", None)
    if meta:
        findings.append(f"Relay: _meta {json.dumps(meta)[:300]}")
    return findings + [f"Relay: {loss}" for loss in losses(comparable(sent), comparable(stored))]


def to_present(payload: dict, now: float) -> dict:
    """The payload with all its times moved alike, so that it ends a few seconds before `now`.

    Tests have clocks of their own, and Relay refuses what is old. Nothing is moved if the end
    lies in the last four days. The distance is a whole number of seconds and is added to the
    decimal digits, so a number stays a number with the same microseconds, a text stays a text with
    the same fraction, and whatever rounding goes wrong in the file goes wrong at Relay as well.
    """
    end = seconds(payload["timestamp"])
    if now - 4 * 86400 <= end <= now + 30:
        return payload
    distance = int(now) - 5 - int(end)

    def moved(holder: object, *keys: str) -> object:
        if not isinstance(holder, dict):
            return holder
        times = {key: shifted(holder[key], distance) for key in keys if key in holder}
        return {**holder, **times}

    result = moved(payload, "start_timestamp", "timestamp")
    if "spans" in payload:
        spans = array(payload, "spans")
        result["spans"] = [moved(span, "start_timestamp", "timestamp") for span in spans]
    if "breadcrumbs" in payload:
        result["breadcrumbs"] = {
            **(payload["breadcrumbs"] if isinstance(payload["breadcrumbs"], dict) else {}),
            "values": [moved(crumb, "timestamp") for crumb in breadcrumbs(payload)],
        }
    return result


def shifted(value: object, distance: int) -> object:
    if isinstance(value, Literal):
        return Literal(format(Decimal(value.text) + distance, "f"))
    if isinstance(value, int):
        return value + distance
    moment, fraction, zone = RFC3339.fullmatch(value).groups()
    moment = (datetime.fromisoformat(moment) + timedelta(seconds=distance)).isoformat()
    return moment + (fraction or "") + zone


def comparable(payload: dict) -> dict:
    """Brings what is sent and what is stored to one form where Relay only writes it otherwise."""
    payload = dict(payload)
    if isinstance(payload.get("tags"), list):
        pairs = [pair for pair in payload["tags"] if isinstance(pair, list) and len(pair) == 2]
        payload["tags"] = {key: value for key, value in pairs if isinstance(key, str)}
    if "server_name" in payload:
        payload["tags"] = {**fields(payload, "tags"), "server_name": payload.pop("server_name")}
    if "breadcrumbs" in payload:
        payload["breadcrumbs"] = breadcrumbs(payload)
    # Ids in a name of this source are replaced, which is its purpose.
    if at(payload, "transaction_info", "source") in ("url", "sanitized"):
        payload.pop("transaction", None)
        del payload["transaction_info"]
    # Sentry takes URL, query, cookies and body of a request apart.
    if isinstance(payload.get("request"), dict):
        payload["request"] = {key: True for key in payload["request"]}
    # Fields of a user that Sentry does not know become data of the user. An address to be guessed
    # is replaced, or left out if it is not to be guessed.
    if isinstance(payload.get("user"), dict):
        user = {key: value for key, value in payload["user"].items() if key != "data"}
        payload["user"] = {**user, **fields(payload["user"], "data")}
        if payload["user"].get("ip_address") == "{{auto}}":
            del payload["user"]["ip_address"]
    # A text without parameters is stored once.
    entry = payload.get("logentry")
    if isinstance(entry, dict) and "params" not in entry:
        payload["logentry"] = {"formatted": entry.get("formatted", entry.get("message"))}
    return payload


def losses(sent: object, stored: object, path: str = "") -> list[str]:
    """Values that were sent and are gone or different."""
    if isinstance(sent, dict) and (isinstance(stored, dict) or not sent):
        return [
            loss
            for key, value in sent.items()
            for loss in losses(value, (stored or {}).get(key), f"{path}.{key}" if path else key)
        ]
    if isinstance(sent, list) and len(sent) == len(stored if isinstance(stored, list) else []):
        return [
            loss
            for index, value in enumerate(sent)
            for loss in losses(value, (stored or [])[index], f"{path}[{index}]")
        ]
    if stored is None:
        return [f"{path} is dropped"]
    if path.endswith("timestamp"):
        times = seconds(sent), seconds(stored)
        same = None not in times and abs(times[0] - times[1]) < Decimal("1e-6")
    elif isinstance(sent, float) and isinstance(stored, float):
        # Relay's JSON reader may miss the last bit of a number.
        same = math.isclose(sent, stored, rel_tol=1e-15, abs_tol=5e-324)
    elif isinstance(sent, str) and isinstance(stored, str):
        # Relay cuts off blanks around some texts, and stores one of two statuses as the other.
        same = sent.strip() == stored.strip()
        same = same or (sent, stored) == ("unknown_error", "internal_error")
    else:
        same = sent == stored
    return [] if same else [f"{path} is changed from {excerpt(sent)} to {excerpt(stored)}"]


def excerpt(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}… ({len(text)} chars)"


# Values


def at(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def fields(value: object, key: str) -> dict:
    items = at(value, key)
    return items if isinstance(items, dict) else {}


def array(value: object, key: str) -> list:
    items = at(value, key)
    return items if isinstance(items, list) else []


def breadcrumbs(payload: dict) -> list[dict]:
    crumbs = payload.get("breadcrumbs", [])
    values = array(crumbs, "values") if isinstance(crumbs, dict) else array(payload, "breadcrumbs")
    return [crumb for crumb in values if isinstance(crumb, dict)]


def matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def one_of(names: frozenset[str], value: object) -> bool:
    return isinstance(value, str) and value in names


def is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def is_sdk(value: object) -> bool:
    return is_text(at(value, "name")) and is_text(at(value, "version"))


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_moment(value: object) -> bool:
    since = seconds(value)
    return since is not None and 0 <= since < LATEST


def seconds(value: object) -> Decimal | None:
    """A time in seconds since 1970, exactly; nothing if it is no time."""
    if is_number(value):
        return Decimal(value.text if isinstance(value, Literal) else repr(value))
    parts = RFC3339.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        return None
    moment, fraction, zone = parts.groups()
    try:
        moment = datetime.fromisoformat(moment + ("+00:00" if zone == "Z" else zone))
    except ValueError:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return Decimal(since.days * 86400 + since.seconds) + Decimal(f"0{fraction or '.0'}")


if __name__ == "__main__":
    sys.exit(main())
