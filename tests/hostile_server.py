"""A loopback server that answers as it is told to: late, wrong, cut short, blown up, or led astray."""

import gzip
import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

NAMES = [
    "AC/DC",
    "..",
    "../../etc/passwd",
    "'say' \"hello\"",
    "Simon & Garfunkel",
    "a#b?c=d",
    "🎸",
    "\u202eאבג",
    "x" * 300,
    "nul\0",
]


def reply(body=b"", status=200, **headers):
    """A plain reply; dicts become JSON, underscores in header names hyphens."""
    body = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, body


def redirect(location, status=302):
    return reply(status=status, Location=location)


def cut_short(body):
    """Announces more than it sends."""
    return 200, {"Content-Length": str(len(body) + 1_000), "Connection": "close"}, body


def drip(body, pause=0.05):
    """One byte at a time, without end in sight."""
    return 200, {"Content-Length": str(len(body))}, (_slowly(body, pause))


def drip_headers(pause=0.05):
    """One byte at a time, and never comes to the body."""
    return None, {}, _slowly(b"HTTP/1.1 200 OK\r\nX-Slow: " + bytes(b"x" * 1_000), pause)


def flood(size, *, announced):
    """`size` bytes, made as they are sent."""
    headers = {"Content-Length": str(size)} if announced else {}
    return 200, headers | {"Connection": "close"}, (bytes(65_536) for _ in range(size // 65_536))


def bomb(size):
    """A little gzip that is `size` bytes unpacked."""
    return reply(gzip.compress(bytes(size)), Content_Encoding="gzip")


def trailed(size):
    """A whole gzip of nothing much, and `size` bytes after its end."""
    status, headers, pieces = flood(size, announced=False)
    return status, headers | {"Content-Encoding": "gzip"}, itertools.chain([gzip.compress(b"clip")], pieces)


def _slowly(body, pause):
    for byte in body:
        time.sleep(pause)
        yield bytes([byte])


class HostileServer:
    """Replies by script: path → replies, one after the other, the last for ever. What is not in it is 404.

    Attributes
    ----------
    script : dict
        Path without query → list of replies, each (status, headers, body), or callable from address to one.
        The body is bytes, or an iterable of them; with None for status it is all that is sent.
    requests : list of (path and query, headers)
    sent : int
        Bytes of bodies so far.
    """

    def __init__(self):
        self.script, self.requests, self._lock = {}, [], threading.Lock()
        self.sent = 0
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads, self._http.owner = True, self
        self._http.handle_error = lambda *_: None
        self.address = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def paths(self):
        return [path for path, _ in self.requests]

    def next(self, address, headers):
        path = urlsplit(address).path
        with self._lock:
            self.requests.append((address, headers))
            replies = self.script.get(path) or [reply(status=404)]
            answer = replies.pop(0) if len(replies) > 1 else replies[0]
        return answer(address) if callable(answer) else answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, headers, body = self.server.owner.next(self.path, dict(self.headers))
        if status is not None:
            self._begin(status, headers, body)
        for piece in [body] if isinstance(body, bytes) else body:
            self.wfile.write(piece)
            self.server.owner.sent += len(piece)
        if status is None or headers.get("Connection") == "close":
            self.close_connection = True

    def _begin(self, status, headers, body):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} if isinstance(body, bytes) else {}).items():
            headers = {name: value} | headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def log_message(self, *_):
        pass


class Clock:
    """Time that passes only while one sleeps."""

    def __init__(self):
        self.now, self.slept = 1_000.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
