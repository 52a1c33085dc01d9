"""A service with Sentry's SDK for Python, at one place of a trace."""

from __future__ import annotations

import os
import sys
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import sentry_sdk
from sentry_sdk.integrations.dedupe import DedupeIntegration

rate = os.environ["TRACE_JOIN_RATE"]
sentry_sdk.init(
    dsn=os.environ["TRACE_JOIN_DSN"],
    release="python@1.0",
    environment="conformance",
    traces_sample_rate=float(rate) if rate else None,
    # The same trouble comes in every chain; and sessions belong to no trace.
    disabled_integrations=[DedupeIntegration()],
    auto_session_tracking=False,
)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # noqa: N802
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        transaction = sentry_sdk.continue_trace(
            dict(self.headers), op="http.server", name="python service", source="route"
        )
        with sentry_sdk.start_transaction(transaction):
            for url in query.get("next", []):
                with urllib.request.urlopen(url, timeout=30) as answer:
                    answer.read()
            sentry_sdk.capture_exception(RuntimeError("python trouble"))
        sentry_sdk.flush(5)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(f"listening at http://127.0.0.1:{server.server_port}", flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
# Whoever started it closes its input at the end, also if it is killed.
sys.stdin.read()
