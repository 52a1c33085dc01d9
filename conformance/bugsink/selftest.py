#!/usr/bin/env python3
"""Proves that check.py passes what it wants, and that it finds everything else."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable

import check
from check import Event, Found, Wanted


def event(wanted: Wanted, issue: str) -> Event:
    frames = [{"function": "std::rt::run", "in_app": False}]
    frames += [{"function": f"shop::{wanted.frame}", "in_app": True}]
    main = {"value": wanted.title} | ({"stacktrace": {"frames": frames}} if wanted.frame else {})
    chain = [{"value": cause} for cause in wanted.causes]
    return Event(
        wanted.title,
        issue,
        f"shop::{wanted.frame}",
        {
            "release": "shop@1.2.3",
            "environment": "conformance",
            "exception": {"values": [*chain, main]},
        },
    )


def good() -> Found:
    numbered = [(str(number), wanted) for number, wanted in enumerate(check.WANTED)]
    report = {"category": "transaction", "reason": "ratelimit_backoff", "quantity": 75}
    return Found(
        {issue: wanted.title for issue, wanted in numbered},
        [event(wanted, issue) for issue, wanted in numbered for _ in range(wanted.events)],
        [
            [({"type": "transaction"}, {})],
            [({"type": "event"}, {}), ({"type": "client_report"}, {"discarded_events": [report]})],
        ],
        '127.0.0.1 - - "POST /api/1/envelope/ HTTP/1.1" 200 42 "-"\n',
    )


def framed(found: Found) -> list[dict]:
    (event,) = [event for event in found.events if event.title.startswith("OrderError")]
    return event.data["exception"]["values"][0]["stacktrace"]["frames"]


def without_place(found: Found) -> None:
    for event in found.events:
        event.place = ""


def logs(line: str) -> Callable[[Found], None]:
    def change(found: Found) -> None:
        found.log += line

    return change


BAD: dict[str, Callable[[Found], object]] = {
    "an issue less": lambda found: found.titles.pop("3"),
    "an issue more": lambda found: found.titles.update(more="Error: nobody made me"),
    "an issue twice": lambda found: found.titles.update(more=found.titles["3"]),
    "another title": lambda found: found.titles.update({"3": "Error: an other"}),
    "an event less": lambda found: found.events.pop(),
    "an event twice": lambda found: found.events.append(copy.deepcopy(found.events[-1])),
    "a cause less": lambda found: found.events[1].data["exception"]["values"].pop(0),
    "no frames": lambda found: framed(found).clear(),
    "no frame in_app": lambda found: framed(found)[1].update(in_app=False),
    "all frames in_app": lambda found: framed(found)[0].update(in_app=True),
    "frames the wrong way round": lambda found: framed(found)[1].update(function="main"),
    "a place that Bugsink does not see": without_place,
    "no release": lambda found: found.events[0].data.pop("release"),
    "no transaction at first": lambda found: found.envelopes.pop(0),
    "one transaction more": lambda found: found.envelopes.append([({"type": "transaction"}, {})]),
    "no report": lambda found: found.envelopes[1].pop(),
    "a refusal": logs(f"{check.REFUSED}\n"),
    "a traceback": logs("Traceback (most recent call last):\n"),
    "a status of 403": logs('127.0.0.1 - - "POST /api/1/envelope/ HTTP/1.1" 403 42 "-"\n'),
}


def main() -> int:
    wrong = check.faults(good())
    for name, change in BAD.items():
        found = good()
        change(found)
        if not check.faults(found):
            wrong.append(f"not found: {name}")
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
