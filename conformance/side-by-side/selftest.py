#!/usr/bin/env python3
"""Proves that compare.py passes what the table explains, and that it finds everything else."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import sys
import tempfile
from pathlib import Path

import compare

TREE = {
    "transactions": [
        {
            "event_id": "1",
            "type": "transaction",
            "transaction": "GET /",
            "start_timestamp": 1795167627.5,
            "timestamp": 1795167628.25,
            "contexts": {
                "trace": {
                    "trace_id": "a" * 32,
                    "span_id": "0" * 15 + "1",
                    "op": "http.server",
                    "data": {"http.route": "/", "rows": 1, "hit": True},
                    "links": [{"trace_id": "b" * 32, "span_id": "0" * 15 + "9"}],
                }
            },
            "spans": [
                {
                    "trace_id": "a" * 32,
                    "span_id": f"{number:016x}",
                    "parent_span_id": "0" * 15 + "1",
                    "description": "SELECT * FROM users",
                    "start_timestamp": 1795167627.6,
                    "timestamp": 1795167627.7,
                    "data": {},
                }
                for number in (2, 3)
            ],
        }
    ],
    "events": [],
}

EVENT = {"event_id": "2", "contexts": {"trace": {"span_id": "0" * 15 + "2"}}, "level": "error"}


def changed(**paths: object) -> dict:
    """The tree with other values at the paths, whose parts are parted by two underscores."""
    tree = copy.deepcopy(TREE)
    for path, value in paths.items():
        *above, last = [int(part) if part.isdigit() else part for part in path.split("__")]
        place = tree
        for part in above:
            place = place[part]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return tree


def table(*rows: str, rules: tuple[str, ...] = ("OP-1",)) -> str:
    lines = ["| rule | says |", "|---|---|", *(f"| {rule} | so it is |" for rule in rules), ""]
    lines += ["| tree | path | theirs | ours | rule | why |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *rows, ""])


NO_RULES = table(rules=())
OP = "transactions__0__contexts__trace__op"
DATA = "transactions__0__contexts__trace__data"
CHILD = "transactions__0__spans__0"

# Name, table, ours, and a part of the only finding, or none.
CASES = [
    ("the same", NO_RULES, TREE, None),
    ("another id of the item", NO_RULES, changed(transactions__0__event_id="3"), None),
    (
        "another order of spans",
        NO_RULES,
        changed(transactions__0__spans=TREE["transactions"][0]["spans"][::-1]),
        None,
    ),
    (
        "a difference below a microsecond",
        NO_RULES,
        changed(transactions__0__timestamp=1795167628.2500002),
        None,
    ),
    ("another op", NO_RULES, changed(**{OP: "http"}), "unexplained: tree | root 1/op"),
    ("no op", NO_RULES, changed(**{OP: None}), "`http.server` | absent"),
    ("another name", NO_RULES, changed(transactions__0__transaction="GET"), "transaction 1/tr"),
    ("another end", NO_RULES, changed(transactions__0__timestamp=1795167628.26), "root 1/end"),
    ("a value more", NO_RULES, changed(**{f"{DATA}__new": 1}), "root 1/data/new | absent | `1`"),
    ("truth for a number", NO_RULES, changed(**{f"{DATA}__rows": True}), "`1` | `true`"),
    ("a text for a number", NO_RULES, changed(**{f"{DATA}__rows": "1"}), "root 1/data/rows"),
    ("a number with a point", NO_RULES, changed(**{f"{DATA}__rows": 1.0}), None),
    (
        "another parent",
        NO_RULES,
        changed(**{f"{CHILD}__parent_span_id": "0" * 15 + "3"}),
        "child 2/parent_span_id",
    ),
    (
        "another link",
        NO_RULES,
        changed(transactions__0__contexts__trace__links__0__span_id="0" * 15 + "8"),
        "root 1/links/0/span_id",
    ),
    ("a child less", NO_RULES, changed(transactions__0__spans__1=None), "child 3 |"),
    ("an event more", NO_RULES, changed(events=[EVENT]), "event 2.0 | absent"),
    (
        "an explained difference",
        table("| * | `root */op` | `http.server` | `http` | OP-1 | Why not |"),
        changed(**{OP: "http"}),
        None,
    ),
    (
        "an explained absence",
        table("| tree | `root 1/op` | present | absent | OP-1 | Why not |"),
        changed(**{OP: None}),
        None,
    ),
    (
        "a star in a value",
        table("| * | `child 2/description` | `SELECT * FROM users` | `S*s` | OP-1 | Why not |"),
        changed(**{f"{CHILD}__description": "SELECT users"}),
        None,
    ),
    (
        "a row that explains nothing",
        table("| * | `root */op` | `http.server` | `http` | OP-1 | Why not |"),
        TREE,
        "no such difference: line 7",
    ),
]

# The same for what has two findings or more, of which one has that part.
CASES_OF_MORE = [
    (
        "a row for another tree",
        table("| wood | `root */op` | `http.server` | `http` | OP-1 | Why not |"),
        "unexplained",
    ),
    (
        "a row for another value",
        table("| * | `root */op` | `http.server` | `https` | OP-1 | Why not |"),
        "unexplained",
    ),
    (
        "a row behind one that explains the same",
        table(*["| * | `root */op` | present | present | OP-1 | Why not |"] * 2),
        "no such difference: line 8",
    ),
    (
        "a rule that nobody said",
        table("| * | `root */op` | present | present | OP-2 | Why not |"),
        "rule OP-2 is used, but not said",
    ),
    ("a rule that nobody uses", table(), "rule OP-1 is said, but not used"),
    (
        "a row without a reason",
        table("| * | `root */op` | present | present | OP-1 | |"),
        "line 7: an empty or missing cell",
    ),
]


def findings(text: str, ours: dict, names: tuple[str, str] = ("tree", "tree")) -> list[str]:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "table.md").write_text(text)
        for side, name, tree in (("theirs", names[0], TREE), ("ours", names[1], ours)):
            (folder / side).mkdir()
            if name:
                (folder / side / f"{name}.json").write_text(json.dumps(tree))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = compare.main([str(folder / part) for part in ("table.md", "theirs", "ours")])
        found = [line for line in out.getvalue().splitlines() if line.startswith("FAILED")]
        assert code == (1 if found else 0), out.getvalue()
        return found


def main() -> int:
    results = []
    for name, text, ours, part in CASES:
        found = findings(text, ours)
        is_right = part in found[0] if part and len(found) == 1 else not part and not found
        results.append("" if is_right else f"{name}: {found}")
    for name, text, part in CASES_OF_MORE:
        found = findings(text, changed(**{OP: "http"}))
        results.append("" if any(part in line for line in found) else f"{name}: {found}")
    for names in (("tree", "wood"), ("", ""), ("tree", "")):
        found = findings(NO_RULES, TREE, names)
        results.append("" if "the trees are not the same" in "".join(found) else f"{names}: {found}")

    for failure in filter(None, results):
        print(f"FAILED {failure}")
    failed = sum(map(bool, results))
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
