"""Asks the example `doctor` about no server, one that is well, and one that refuses."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "0123456789abcdef0123456789abcdef"


class Server(BaseHTTPRequestHandler):
    """Answers by the project: 42 exists, others do not."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if self.path == "/api/42/envelope/" else 403)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def ask(doctor, dsn):
    """Returns the exit code and the lines that were said."""
    asked = subprocess.run(
        [doctor], env=os.environ | {"SENTRY_DSN": dsn}, stdout=subprocess.PIPE, text=True, timeout=60
    )
    print(asked.stdout, end="")
    assert KEY not in asked.stdout
    return asked.returncode, asked.stdout.splitlines()


def main(doctor):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"

    code, lines = ask(doctor, "")
    assert (code, len(lines)) == (1, 1), (code, lines)
    assert lines[0].startswith("BAD  DSN: there is no DSN"), lines

    code, lines = ask(doctor, f"http://{KEY}@{host}/42")
    assert code == 0, code
    steps = [line.split(":")[0] for line in lines[:-1]]
    assert steps == [f"ok   {step}" for step in ("DSN", "host", "TLS", "answer", "clock")], steps

    code, lines = ask(doctor, f"http://{KEY}@{host}/43")
    assert code == 1, code
    assert lines[-1].startswith("BAD  answer: "), lines

    server.shutdown()


main(sys.argv[1])
