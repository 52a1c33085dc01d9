"""Calls chains of services and looks at what each of them told Sentry:
    join.py PYTHON NODE RUST_TEST_BINARY
"""

from __future__ import annotations

import gzip
import json
import os
import queue
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from check import Chain, Envelope, faults

HERE = Path(__file__).resolve().parent
# The number of a service's project, and its key, say who sent an envelope.
PROJECTS = {"python": 1, "rust": 2, "node": 3}
LIMIT = 30


class Sentry(ThreadingHTTPServer):
    """Keeps what it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.envelopes: queue.Queue[Envelope] = queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def dsn(self, service: str) -> str:
        project = PROJECTS[service]
        return f"http://{project:032x}@127.0.0.1:{self.server_port}/{project}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # noqa: N802
        body = self.body()
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        project = int(self.path.split("/")[2])
        service = next(name for name, number in PROJECTS.items() if number == project)
        header, rest = body.split(b"\n", 1)
        trace = json.loads(header).get("trace")
        while rest.strip():
            item, rest = rest.split(b"\n", 1)
            item = json.loads(item)
            if "length" in item:
                payload, rest = rest[: item["length"]], rest[item["length"] + 1 :]
            else:
                payload, _, rest = rest.partition(b"\n")
            if item["type"] in ("transaction", "event"):
                payload = json.loads(payload)
                self.server.envelopes.put(Envelope(service, item["type"], trace, payload))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers["content-length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        pass


class Service:
    """A process at one place of a trace, until its input is closed."""

    def __init__(self, name: str, command: list[str], dsn: str, rate: str) -> None:
        env = {key: text for key, text in os.environ.items() if not key.startswith("SENTRY_")}
        env |= {"TRACE_JOIN_DSN": dsn, "TRACE_JOIN_RATE": rate, "PYTHONPATH": str(HERE)}
        self.name = name
        self.process = subprocess.Popen(
            command, cwd=HERE, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.url = ""
        for line in self.process.stdout:
            _, found, url = line.partition("listening at ")
            if found:
                self.url = url.strip()
                break
        if not self.url:
            sys.exit(f"{name} did not start")
        # It must never wait for somebody to read what it says.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def call(services: list[Service]) -> None:
    url = ""
    for service in reversed(services):
        query = f"?next={urllib.parse.quote(url, safe='')}" if url else ""
        url = f"{service.url}/{query}"
    # Not by a client that could know of Sentry.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=LIMIT) as answer:
        answer.read()


def collected(sentry: Sentry, amount: int) -> list[Envelope]:
    """That many, and what else comes within a moment."""
    found: list[Envelope] = []
    deadline = time.monotonic() + LIMIT
    while True:
        wait = deadline - time.monotonic() if len(found) < amount else 1.0
        try:
            found.append(sentry.envelopes.get(timeout=max(wait, 0.01)))
        except queue.Empty:
            return found


def main() -> None:
    python, node, rust = sys.argv[1:]
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    sentry = Sentry()
    commands = {
        "python": [python, str(HERE / "python_service.py")],
        "node": [node, "--import", "./instrument.mjs", str(HERE / "node_service.mjs")],
        "rust": [rust, "--ignored", "--exact", "--nocapture", "a_service_between_others"],
    }
    running: dict[tuple[str, str], Service] = {}
    failed = False
    try:
        for rates, chain in CHAINS:
            for name, rate in zip(chain.services, rates):
                if (name, rate) not in running:
                    running[name, rate] = Service(name, commands[name], sentry.dsn(name), rate)
            call([running[key] for key in zip(chain.services, rates)])
            envelopes = collected(sentry, len(chain.traced) + len(chain.errors))
            problems = faults(chain, envelopes)
            places = zip(chain.services, rates)
            title = ", ".join(f"{name} at {rate or 'no rate'}" for name, rate in places)
            print(f"{'FAILED' if problems else 'ok    '} {title}: {len(envelopes)} envelopes")
            for problem in problems:
                print(f"       {problem}")
            if os.environ.get("TRACE_JOIN_SHOW"):
                for envelope in envelopes:
                    print(f"       {envelope.service} {envelope.kind} {envelope.trace}")
            failed |= bool(problems)
    finally:
        for service in running.values():
            service.stop()
    sys.exit(1 if failed else 0)


def sampled(*services: str) -> Chain:
    return Chain(services, services, services, services)


PYTHON_FIRST = ("python", "rust", "node")
NODE_FIRST = ("node", "rust", "python")

# The rates by which the services sample, and what is to come of it.
CHAINS = [
    (("1", "1", "1"), sampled(*PYTHON_FIRST)),
    (("1", "1", "1"), sampled(*NODE_FIRST)),
    (("1", "1"), sampled("rust", "python")),
    (("1", "1"), sampled("rust", "node")),
    (("1", "1"), sampled("python", "rust")),
    (("1", "1"), sampled("node", "rust")),
    # A head that does not sample: nobody does, and errors go on where they are no spans.
    (("0", "1", "1"), Chain(PYTHON_FIRST, (), ("python", "node"), ("python", "node"))),
    (("0", "1", "1"), Chain(NODE_FIRST, (), ("node", "python"), ("node", "python"))),
    # A head that leaves the decision to others, whose SDKs add a number for it to the header.
    (("", "1"), Chain(("python", "rust"), ("rust",), ("python", "rust"), ("rust",))),
    (("", "1"), Chain(("node", "rust"), ("rust",), ("node", "rust"), ("rust",))),
    (("", "1", "1"), Chain(PYTHON_FIRST, ("rust", "node"), PYTHON_FIRST, ("rust",))),
    (("", "1", "1"), Chain(NODE_FIRST, ("rust", "python"), NODE_FIRST, ("rust",))),
]

if __name__ == "__main__":
    main()
