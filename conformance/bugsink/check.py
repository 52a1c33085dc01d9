#!/usr/bin/env python3
"""Looks at what Bugsink made of the day that tests/real_servers.rs sent to it.

Usage: check.py DATABASE LOG DSN
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import urllib.request
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

# What the day makes besides its errors, all in one transaction each.
TRANSACTIONS = 76
# What Bugsink says of an event it does not take, which it answers with 200 nevertheless.
REFUSED = "ValidationError in digest"
TROUBLE = re.compile(f"{REFUSED}|^Traceback|HTTP/1.1\" [45]")


@dataclass
class Wanted:
    """An issue by its title, which is that of its last event."""

    title: str
    events: int = 1
    # Root cause first, without the error of the title.
    causes: list[str] = field(default_factory=list)
    # The innermost function that is the application's; without, there are no frames.
    frame: str | None = None
    # The title, should the events come in in another order.
    other: str | None = None


WANTED = [
    Wanted("Error: no such drawer"),
    Wanted(
        "ReservationError: could not reserve 500 of product 7",
        causes=["the table is locked", "the stock cannot be read"],
    ),
    Wanted(
        "Error: writing the report",
        causes=["the table is locked", "reading the sales"],
        frame="write_report",
    ),
    Wanted("OrderError: the inventory answered 500", frame="place_order"),
    Wanted("no rate for today"),
    Wanted("the card was refused"),
    Wanted("Error: the stock cannot be read"),
    Wanted("TooFew: TooFew(500, 12)"),
    Wanted("the mail server is away", events=3),
    Wanted("Error: „schön“ 🎉 is no number"),
    Wanted(
        "CustomerError: joe moved away", events=2, other="CustomerError: jane moved away"
    ),
]


@dataclass
class Event:
    title: str
    issue: str
    # What Bugsink found to be the place of the error.
    place: str
    data: dict


@dataclass
class Found:
    """What Bugsink has: events in the order they came in, and the envelopes as they came."""

    titles: dict[str, str]
    events: list[Event]
    envelopes: list[list[tuple[dict, dict]]]
    log: str


def main() -> int:
    database, log, dsn = sys.argv[1:]
    found = read(Path(database), Path(log))
    findings = faults(found)
    findings += strictness(Path(database), Path(log), dsn)
    for finding in findings:
        print(finding)
    print(
        f"Bugsink: {len(found.envelopes)} envelopes, {len(found.events)} events, "
        f"{len(found.titles)} issues, {len(findings)} findings"
    )
    return 1 if findings else 0


def faults(found: Found) -> list[str]:
    findings = []
    left = dict(found.titles)
    for wanted in WANTED:
        issues = [issue for issue in left if left[issue] in (wanted.title, wanted.other)]
        if len(issues) != 1:
            findings.append(f"{wanted.title}: {len(issues)} issues")
        for issue in issues:
            del left[issue]
            events = [event for event in found.events if event.issue == issue]
            findings += faults_of(wanted, events)
    findings += [f"{title}: an issue nobody made" for title in left.values()]
    findings += faults_on_the_way(found.envelopes)
    for line in found.log.splitlines():
        if TROUBLE.search(line):
            findings.append(f"Bugsink's log: {line}")
    return findings


def faults_of(wanted: Wanted, events: list[Event]) -> list[str]:
    findings = []
    if len(events) != wanted.events:
        findings.append(f"{len(events)} events, not {wanted.events}")
    for event in events:
        exceptions = event.data.get("exception", {}).get("values", [])
        causes = [exception["value"] for exception in exceptions[:-1]]
        if causes != wanted.causes:
            findings.append(f"causes {causes}, not {wanted.causes}")
        frames = [
            frame
            for exception in exceptions
            for frame in exception.get("stacktrace", {}).get("frames", [])
        ]
        ours = [frame["function"] for frame in frames if frame.get("in_app") is True]
        if wanted.frame is None:
            if frames:
                findings.append(f"{len(frames)} frames, where none were captured")
        elif not ours or not ours[-1].endswith(wanted.frame):
            findings.append(f"the innermost of {len(ours)} frames in_app is {ours[-1:]}")
        elif all(frame.get("in_app") for frame in frames):
            findings.append("all frames are in_app, also those of the runtime")
        elif event.place != ours[-1]:
            findings.append(f"Bugsink takes it to be in {event.place!r}")
        release = (event.data.get("release"), event.data.get("environment"))
        if release != ("shop@1.2.3", "conformance"):
            findings.append(f"release and environment are {release}")
    return [f"{wanted.title}: {finding}" for finding in findings]


def faults_on_the_way(envelopes: list[list[tuple[dict, dict]]]) -> list[str]:
    """The first answer asks for no more transactions, and all of them ask again."""
    findings = []
    kinds = [[header["type"] for header, _ in envelope] for envelope in envelopes]
    if not kinds or kinds[0] != ["transaction"]:
        findings.append(f"the first envelope has {kinds[:1]}, not one transaction")
    later = sum(kind.count("transaction") for kind in kinds[1:])
    if later:
        findings.append(f"{later} transactions were sent after Bugsink had asked for none")
    dropped = sum(
        entry["quantity"]
        for envelope in envelopes
        for header, payload in envelope
        if header["type"] == "client_report"
        for entry in payload["discarded_events"]
        if (entry["category"], entry["reason"]) == ("transaction", "ratelimit_backoff")
    )
    if dropped != TRANSACTIONS - 1:
        findings.append(f"{dropped} transactions are reported as dropped, not {TRANSACTIONS - 1}")
    return findings


def strictness(database: Path, log: Path, dsn: str) -> list[str]:
    """Whether Bugsink refuses what is wrong; if not, that it refused nothing says nothing."""
    url = urlsplit(dsn)
    identity = uuid.uuid4().hex
    event = json.dumps({"event_id": identity, "platform": "rust", "level": "no level"}).encode()
    body = b'{"event_id":"%s"}\n{"type":"event"}\n%s\n' % (identity.encode(), event)
    request = urllib.request.Request(
        f"http://{url.hostname}:{url.port}/api{url.path}/envelope/",
        data=body,
        headers={"X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={url.username}"},
    )
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with without_proxy.open(request, timeout=20) as answer:
        status = answer.status
    after = read(database, log)
    stored = any(event.data.get("event_id") == identity for event in after.events)
    if stored or REFUSED not in after.log:
        return [f"Bugsink took an event of no level with {status}: it does not validate strictly"]
    return []


def read(database: Path, log: Path) -> Found:
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        titles = {
            issue: title(kind, value)
            for issue, kind, value in connection.execute(
                "SELECT id, calculated_type, calculated_value FROM issues_issue"
            )
        }
        events = [
            Event(title(kind, value), issue, place, json.loads(data))
            for issue, kind, value, place, data in connection.execute(
                "SELECT issue_id, calculated_type, calculated_value, last_frame_function, data "
                "FROM events_event ORDER BY project_digest_order"
            )
        ]
        envelopes = [
            items(data)
            for (data,) in connection.execute(
                "SELECT data FROM ingest_envelope ORDER BY ingested_at"
            )
        ]
    return Found(titles, events, envelopes, log.read_text())


def title(kind: str, value: str) -> str:
    """As Bugsink's pages show it."""
    first = value.splitlines()[0] if value else ""
    return first if kind == "Log Message" else f"{kind}: {first}" if first else kind


def items(body: bytes) -> list[tuple[dict, dict]]:
    """The items of an envelope with their headers; check.py one level up reads them strictly."""
    found = []
    _, rest = body.split(b"\n", 1)
    while rest:
        line, rest = rest.split(b"\n", 1)
        header = json.loads(line)
        length = header.get("length", rest.find(b"\n"))
        found.append((header, json.loads(rest[:length])))
        rest = rest[length + 1 :]
    return found


if __name__ == "__main__":
    sys.exit(main())
