"""A publisher on 127.0.0.1 that serves a folder properly, but for the wrong answers that it is given.

    with MisbehavingServer(folder) as server:
        server.behave("green_tripdata_2021-01.parquet", Answer(after=1000, then="cut"), Answer())
        publisher.locate(server.settings("2021-01"))

The folder is read at each request, so dropping a file into it publishes a month.
"""

import email.utils
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# A machine may be busy: only tests of a server that says nothing, or next to nothing, wait for less than minutes.
PATIENT = {
    "connect_s": 300,
    "read_s": 300,
    "tries": 3,
    "back_off_s": 0.01,
    "longest_pause_s": 0.05,
    "slow_s": 300,
    "slow_bytes": 1000,
}
IMPATIENT = {"read_s": 0.3, "slow_s": 0.3}
HTML = b"<!DOCTYPE html>\n<html><title>Sorry</title>We will be back soon.</html>\n"


@dataclass(frozen=True)
class Answer:
    """How to answer one request; properly by default.

    `headers` go before the proper ones, None leaves one out. Of the body, `after` bytes are sent; the connection is
    `then` cut, or it stalls until the server stops. `drip_s` is the pause after each byte, of the headers too where
    `drip_headers`. Without `ranges`, Range is not understood; without `if_range`, If-Range is not.
    """

    status: int | None = None
    headers: dict = field(default_factory=dict)
    body: bytes | None = None
    after: int | None = None
    then: str = "cut"
    drip_s: float = 0
    drip_headers: bool = False
    chunked: bool = False
    ranges: bool = True
    if_range: bool = True
    silent: bool = False
    do: Callable[[], object] | None = None  # called before anything else, such as to replace the file


def html_page() -> Answer:
    """An error page with status 200, as login pages of networks are."""
    return Answer(status=200, body=HTML, headers={"Content-Type": "text/html; charset=utf-8", "ETag": None})


@dataclass(frozen=True)
class Request:
    """One request as it came: method, name of the file, headers in lower case, bytes of the body that were sent."""

    method: str
    name: str
    headers: dict
    sent: int


class MisbehavingServer:
    """The server, running between `with` and its end; `requests` are those that it received."""

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._answers: dict[str, list[tuple[str | None, Answer]]] = {}
        self._lock = threading.Lock()
        self._http = _HTTP(("127.0.0.1", 0), _Handler)
        self._http.publisher = self
        self.url = f"http://127.0.0.1:{self._http.server_port}/trip-data"

    def __enter__(self) -> "MisbehavingServer":
        # Neither this process nor those it starts may ask a proxy for it.
        self._no_proxy = os.environ.get("no_proxy")
        os.environ["no_proxy"] = "127.0.0.1"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        os.environ.pop("no_proxy")
        if self._no_proxy is not None:
            os.environ["no_proxy"] = self._no_proxy

    def behave(self, name: str, *answers: Answer, method: str | None = None) -> None:
        """Answer the next requests for file `name` (by `method`, if given) so; the last answer holds from then on."""
        with self._lock:
            others = [entry for entry in self._answers.get(name, []) if entry[0] != method]
            self._answers[name] = others + [(method, answer) for answer in answers]

    def settings(self, month: str, **patience: float) -> dict:
        """Return the settings of locate and ingest for a green month; they wait for minutes, or for `patience`."""
        return {
            "source": "https",
            "dataset": "green",
            "month": month,
            "file": f"green_tripdata_{month}.parquet",
            "pattern": "green_tripdata_{month}.parquet",
            "format": "parquet",
            "url": self.url,
            "patience": {**PATIENT, **patience},
        }

    def requests_by(self, method: str, name: str | None = None) -> list[Request]:
        """Return the requests by `method` (for file `name`, if given) so far, in order."""
        return [r for r in self.requests if r.method == method and name in (None, r.name)]

    def _next_answer(self, method: str, name: str) -> Answer:
        with self._lock:
            entries = self._answers.get(name, [])
            fitting = [entry for entry in entries if entry[0] in (None, method)]
            if not fitting:
                return Answer()
            if sum(entry[0] == fitting[0][0] for entry in entries) > 1:
                entries.remove(fitting[0])
            return fitting[0][1]


def etag_of(path: Path) -> str:
    """Return the ETag of a file as this server gives it."""
    status = os.stat(path)
    return f'"{status.st_mtime_ns:x}-{status.st_size:x}"'


class _HTTP(ThreadingHTTPServer):
    publisher: MisbehavingServer
    daemon_threads = True
    request_queue_size = 64  # more would have to wait a second each

    def handle_error(self, *args: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # some tests want the client to give up
            super().handle_error(*args)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HTTP

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        answer = self.server.publisher._next_answer(self.command, name)
        if answer.do:
            answer.do()
        requested = {key.lower(): value for key, value in self.headers.items()}
        status, headers, body = _proper(self.server.publisher.folder / name, requested, answer)
        sent = 0 if self.command == "HEAD" else len(body[: answer.after])
        # Before the answer, so that whoever got it finds the request in the list.
        self.server.publisher.requests.append(Request(self.command, name, requested, sent))
        try:
            self._send(answer, status, headers, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET

    def _send(self, answer: Answer, status: int, headers: dict, body: bytes) -> None:
        if answer.silent:
            self._end("stall")
            return
        if answer.chunked:
            headers = {key: value for key, value in headers.items() if key != "Content-Length"}
            if self.command != "HEAD":
                headers["Transfer-Encoding"] = "chunked"
        lines = [f"HTTP/1.1 {status} {self.responses.get(status, ('Odd',))[0]}"]
        lines += [f"{key}: {value}" for key, value in headers.items() if value is not None]
        text = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        self._write(text, answer.drip_s if answer.drip_headers else 0)
        if self.command == "HEAD":
            return
        part = body[: answer.after]
        if answer.chunked:
            for begin in range(0, len(part), 4096):
                piece = part[begin : begin + 4096]
                self._write(b"%x\r\n%s\r\n" % (len(piece), piece), answer.drip_s)
        else:
            self._write(part, answer.drip_s)
        if answer.after is not None:
            self._end(answer.then)
        elif answer.chunked:
            self.wfile.write(b"0\r\n\r\n")
        elif headers.get("Content-Length") != str(len(body)):
            self.close_connection = True

    def _write(self, data: bytes, drip_s: float) -> None:
        if not drip_s:
            self.wfile.write(data)
            return
        for begin in range(len(data)):
            self.wfile.write(data[begin : begin + 1])
            if self.server.publisher.stopping.wait(drip_s):
                break

    def _end(self, then: str) -> None:
        if then == "stall":
            self.server.publisher.stopping.wait()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def _proper(path: Path, requested: dict, answer: Answer) -> tuple[int, dict, bytes]:
    """Return status, headers and body, those of `answer` first."""
    if answer.body is not None:
        status, headers, body = 200, {"Content-Type": "application/octet-stream"}, answer.body
    elif answer.status is not None or not path.is_file():
        status, headers, body = 404, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>"
    else:
        status, headers, body = _file(path, requested, answer)
    headers["Content-Length"] = str(len(body))
    return answer.status or status, {**headers, **answer.headers}, body


def _file(path: Path, requested: dict, answer: Answer) -> tuple[int, dict, bytes]:
    body = path.read_bytes()
    changed = email.utils.formatdate(os.stat(path).st_mtime, usegmt=True)
    headers = {"Content-Type": "binary/octet-stream", "ETag": etag_of(path), "Last-Modified": changed}
    headers["Accept-Ranges"] = "bytes"
    same = not answer.if_range or requested.get("if-range", headers["ETag"]) in (headers["ETag"], changed)
    unit, _, wanted = requested.get("range", "").partition("=")
    if unit != "bytes" or not answer.ranges or not same:
        return 200, headers, body
    first, _, last = wanted.partition("-")
    begin, end = int(first), min(int(last or len(body) - 1), len(body) - 1)
    if begin >= len(body):
        return 416, {**headers, "Content-Range": f"bytes */{len(body)}"}, b""
    headers["Content-Range"] = f"bytes {begin}-{end}/{len(body)}"
    return 206, headers, body[begin : end + 1]
