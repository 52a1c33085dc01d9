"""Whether the services of a chain told Sentry of one trace."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Chain:
    """Services in the order in which they call each other."""

    services: tuple[str, ...]
    # Those that send transactions; the others only send errors, or nothing.
    traced: tuple[str, ...]
    errors: tuple[str, ...]
    # Whose headers have to be the same.
    alike: tuple[str, ...]

    def __str__(self) -> str:
        return " -> ".join(self.services)


@dataclass
class Envelope:
    """One transaction or error, with the header `trace` of its envelope."""

    service: str
    kind: str
    trace: dict | None
    payload: dict = field(default_factory=dict)

    def context(self) -> dict:
        return self.payload.get("contexts", {}).get("trace", {})


def same(header: dict | None) -> dict | None:
    """The header with its numbers as such: Node.js writes 0.810920, which came, as 0.81092."""
    numbers = ("sample_rand", "sample_rate")
    return header and {k: float(v) if k in numbers else v for k, v in header.items()}


def faults(chain: Chain, envelopes: list[Envelope]) -> list[str]:
    found = []
    for kind, senders in (("transaction", chain.traced), ("event", chain.errors)):
        came = sorted(envelope.service for envelope in envelopes if envelope.kind == kind)
        if came != sorted(senders):
            found.append(f"{kind}s came from {came}, not from {sorted(senders)}")
    ids = {envelope.context().get("trace_id") for envelope in envelopes}
    if len(ids) > 1:
        found.append(f"{len(ids)} traces: {sorted(map(str, ids))}")
    for service in chain.alike:
        for envelope in envelopes:
            if envelope.service != service:
                continue
            trace = envelope.trace or {}
            if {trace.get("trace_id")} != ids or not trace.get("public_key"):
                found.append(f"{service}: {envelope.kind} with the header {trace}")
    headers = [envelope.trace for envelope in envelopes if envelope.service in chain.alike]
    for header in headers[1:]:
        if same(header) != same(headers[0]):
            found.append(f"headers differ: {headers[0]} and {header}")
    transactions = {it.service: it for it in envelopes if it.kind == "transaction"}
    for caller, called in zip(chain.services, chain.services[1:]):
        if caller not in transactions or called not in transactions:
            continue
        parent = transactions[called].context().get("parent_span_id")
        spans = [span["span_id"] for span in transactions[caller].payload.get("spans", [])]
        if parent not in spans:
            found.append(f"{called} is below {parent}, which is no call of {caller}: {spans}")
    head = transactions.get(chain.services[0])
    if head and head.context().get("parent_span_id"):
        found.append(f"{chain.services[0]} has a parent")
    return found
