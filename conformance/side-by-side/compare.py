#!/usr/bin/env python3
"""Compares what two exporters made of the same span trees, field by field.

Usage: compare.py TABLE THEIRS OURS

THEIRS and OURS are directories with one file for each tree. TABLE is a Markdown file whose tables
explain differences. A difference that no row explains is a finding, and so is a row that explains
none: the table says what is the case, no less and no more.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

COLUMNS = ["tree", "path", "theirs", "ours", "rule", "why"]
RULES = ["rule", "says"]

# Ids of items, and the name and version of the software, differ by nature.
IGNORED = ("event_id", "sdk", "type")
# What a root span has in common with the others, and what it is called there.
SPAN = ("trace_id", "span_id", "parent_span_id", "op", "status", "origin", "data", "links", "type")


class Absent:
    """What stands on the side that has no such field."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = Absent()


@dataclass(frozen=True)
class Difference:
    tree: str
    path: str
    theirs: object
    ours: object

    def __str__(self) -> str:
        return f"{self.tree} | {self.path} | {cell(self.theirs)} | {cell(self.ours)}"


@dataclass(frozen=True)
class Row:
    line: int
    tree: str
    path: str
    theirs: str
    ours: str
    rule: str

    def explains(self, difference: Difference) -> bool:
        return (
            matches(self.tree, difference.tree)
            and matches(self.path, difference.path)
            and is_meant(self.theirs, difference.theirs)
            and is_meant(self.ours, difference.ours)
        )

    def __str__(self) -> str:
        return f"line {self.line}: {self.tree} | {self.path} | {self.theirs} | {self.ours}"


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 3:
        print(__doc__.strip())
        return 2
    table, theirs, ours = map(Path, arguments)
    rows, findings = read_table(table.read_text())
    names = [sorted(path.stem for path in side.glob("*.json")) for side in (theirs, ours)]
    if names[0] != names[1] or not names[0]:
        findings.append(f"the trees are not the same: {names[0]} and {names[1]}")
    differences = []
    fields = 0
    for name in sorted(set(names[0]) & set(names[1])):
        pair = [json.loads((side / f"{name}.json").read_text()) for side in (theirs, ours)]
        for side in pair:
            fields += count(flat(side))
        differences += compare(name, *pair)
    findings += judge(differences, rows)
    for finding in findings:
        print(f"FAILED {finding}")
    print(
        f"{len(names[0])} trees, {fields} fields, {len(differences)} differences, "
        f"{len(rows)} rows, {len(findings)} findings"
    )
    return 1 if findings else 0


def read_table(text: str) -> tuple[list[Row], list[str]]:
    """The rows of all tables with the right columns; rules have to be said, and used."""
    rows, findings, rules = [], [], {}
    columns: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            columns = []
            continue
        cells = [part.strip() for part in line.strip().strip("|").split("|")]
        if not columns:
            columns = cells
        elif set("".join(cells)) <= set("-: "):
            continue
        elif len(cells) != len(columns) or not all(cells):
            findings.append(f"line {number}: an empty or missing cell")
        elif columns == COLUMNS:
            tree, path, theirs, ours, rule, _ = cells
            rows.append(Row(number, tree, path.strip("`"), theirs, ours, rule))
        elif columns == RULES:
            rules[cells[0]] = number
    used = {rule for row in rows for rule in row.rule.split(", ")}
    findings += [f"rule {rule} is used, but not said" for rule in sorted(used - set(rules))]
    findings += [f"rule {rule} is said, but not used" for rule in sorted(set(rules) - used)]
    return rows, findings


def judge(differences: list[Difference], rows: list[Row]) -> list[str]:
    """What is not explained, and what explains nothing; of several rows the first one counts."""
    findings, used = [], Counter()
    for difference in differences:
        row = next((row for row in rows if row.explains(difference)), None)
        if row is None:
            findings.append(f"unexplained: {difference}")
        else:
            used[row] += 1
    return findings + [f"no such difference: {row}" for row in rows if not used[row]]


def compare(name: str, theirs: dict, ours: dict) -> list[Difference]:
    found: list[Difference] = []
    walk(name, "", flat(theirs), flat(ours), found)
    return found


def walk(tree: str, path: str, theirs: object, ours: object, found: list[Difference]) -> None:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            below = f"{path}/{key}" if path else key
            walk(tree, below, theirs.get(key, ABSENT), ours.get(key, ABSENT), found)
    elif not is_same(theirs, ours):
        found.append(Difference(tree, path, theirs, ours))


def is_same(theirs: object, ours: object) -> bool:
    """Numbers by value; JSON of JavaScript does not tell 1.0 from 1. Truth is no number."""
    if isinstance(theirs, bool) or isinstance(ours, bool):
        return theirs is ours
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(map(is_same, theirs, ours))
    return theirs == ours


def flat(found: dict) -> dict:
    """One entry for each transaction, span and event, by ids and so free of any order."""
    entries: dict[str, dict] = {}

    def put(key: str, entry: dict) -> None:
        if key in entries:
            raise ValueError(f"{key} twice")
        entries[key] = entry

    for transaction in found["transactions"]:
        fields = {key: value for key, value in transaction.items() if key not in IGNORED}
        contexts = dict(fields.pop("contexts"))
        trace = contexts.pop("trace")
        root = number(trace)
        span = {key: value for key, value in trace.items() if key in SPAN}
        contexts |= {f"trace.{key}": trace[key] for key in trace.keys() - set(SPAN)}
        for key in ("start_timestamp", "timestamp", "measurements"):
            if key in fields:
                span[key] = fields.pop(key)
        children = fields.pop("spans")
        if "breadcrumbs" in fields:
            fields["breadcrumbs"] = listed(fields["breadcrumbs"].get("values"))
        put(f"transaction {root}", {**fields, "contexts": contexts})
        put(f"root {root}", span_fields(span))
        for child in children:
            put(f"child {number(child)}", {**span_fields(child), "transaction": root})
    for event in found["events"]:
        place = number(event["contexts"]["trace"])
        nth = sum(key.startswith(f"event {place}.") for key in entries)
        put(f"event {place}.{nth}", {k: v for k, v in event.items() if k not in IGNORED})
    for item in found.get("streamed", []):
        put(f"streamed {number(item)}", item)
    return entries


def span_fields(span: dict) -> dict:
    fields = dict(span)
    for key, name in (("start_timestamp", "start"), ("timestamp", "end")):
        fields[name] = round(fields.pop(key) * 1e6)
    if "links" in fields:
        fields["links"] = listed(fields["links"])
    return fields


def listed(items: list) -> dict:
    """A list by places, so that its items are compared one by one."""
    return {str(place): item for place, item in enumerate(items)}


def number(span: dict) -> int:
    return int(span["span_id"], 16)


def count(fields: object) -> int:
    return sum(map(count, fields.values())) if isinstance(fields, dict) else 1


def cell(value: object) -> str:
    if value is ABSENT:
        return "absent"
    text = shown(value)
    return f"`{text if len(text) <= 120 else text[:117] + '*'}`"


def shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def is_meant(pattern: str, value: object) -> bool:
    """`absent`, `present`, or in backticks what the value looks like."""
    if pattern in ("absent", "present"):
        return (value is ABSENT) == (pattern == "absent")
    return value is not ABSENT and matches(pattern.strip("`"), shown(value))


def matches(pattern: str, text: str) -> bool:
    """Whether the text is the pattern, where `*` stands for anything; all else for itself."""
    expression = ".*".join(map(re.escape, pattern.split("*")))
    return re.fullmatch(expression, text, re.DOTALL) is not None


if __name__ == "__main__":
    sys.exit(main())
