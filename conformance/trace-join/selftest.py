#!/usr/bin/env python3
"""Proves that check.py passes one trace, and that it finds everything else."""

from __future__ import annotations

import sys
from collections.abc import Callable

from check import Chain, Envelope, faults

NAMES = ("first", "second")
CHAIN = Chain(NAMES, NAMES, NAMES, NAMES)


def good() -> list[Envelope]:
    envelopes = []
    for number, name in enumerate(NAMES):
        context = {"trace_id": "t", "span_id": f"root{number}"}
        if number:
            context["parent_span_id"] = f"call{number - 1}"
        payload = {"contexts": {"trace": context}, "spans": [{"span_id": f"call{number}"}]}
        event = {"contexts": {"trace": {"trace_id": "t"}}}
        for kind, content in (("transaction", payload), ("event", event)):
            rate = "1" if kind == "event" else "1.0"
            trace = {"trace_id": "t", "public_key": "k", "sample_rate": rate}
            envelopes.append(Envelope(name, kind, trace, content))
    return envelopes


def context(envelope: Envelope) -> dict:
    return envelope.payload["contexts"]["trace"]


BROKEN: dict[str, Callable[[list[Envelope]], object]] = {
    "events came from": lambda all: all.pop(1),
    "transactions came from": lambda all: all.append(all[0]),
    "2 traces": lambda all: context(all[2]).update(trace_id="u"),
    "headers differ": lambda all: all[3].trace.update(sample_rate="0.5"),
    "with the header {}": lambda all: [setattr(one, "trace", None) for one in all],
    "with the header": lambda all: [one.trace.pop("public_key") for one in all],
    "is no call of first": lambda all: context(all[2]).update(parent_span_id="root0"),
    "has a parent": lambda all: context(all[0]).update(parent_span_id="x"),
}

failed = False
if found := faults(CHAIN, good()):
    failed = True
    print(f"a good chain: {found}")
for expected, change in BROKEN.items():
    envelopes = good()
    change(envelopes)
    found = faults(CHAIN, envelopes)
    if not any(expected in fault for fault in found):
        failed = True
        print(f"not found: {expected}, but {found}")
sys.exit(1 if failed else 0)
