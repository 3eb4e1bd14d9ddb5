"""Requests over HTTP in which everything has a time limit, and what failed for now is asked again."""

import contextlib
import functools
import json
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from socket import SHUT_RDWR
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ..base import exits, redact

CHUNK = 1 << 16
FOR_NOW = {408, 425, 429, 500, 502, 503, 504}
REDIRECTS = urllib3.Retry(
    total=None, connect=0, read=0, other=0, status=0, redirect=5, respect_retry_after_header=False
)
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long to wait for a publisher, in seconds."""

    connect_s: float = 10  # until a connection stands
    read_s: float = 30  # until the answer begins, all its headers in; then from one piece of it to the next
    tries: int = 6  # in a row that bring nothing new
    back_off_s: float = 1  # pause after the first of them; doubled after each more, with jitter
    longest_pause_s: float = 60  # also where the publisher asks for more (Retry-After)
    slow_s: float = 60  # a transfer that brings less than `slow_bytes` in this time is cut and asked again
    slow_bytes: int = 1 << 20

    @classmethod
    def of(cls, settings: dict) -> "Patience":
        """Return what settings say under `patience`, else MONTHWISE_PATIENCE (JSON); defaults for the rest.

        The environment, since how long to wait is no reason to fetch a month again.
        """
        try:
            return cls(**settings.get("patience") or json.loads(os.environ.get("MONTHWISE_PATIENCE", "{}")))
        except (TypeError, ValueError) as error:
            raise exits.WrongConfig(f"MONTHWISE_PATIENCE: {error}; known: {', '.join(cls.__annotations__)}") from None


class Failed(Exception):
    """One try failed; `for_good` where another would fail the same way, `retry_after` in seconds where told so."""

    def __init__(self, reason: str, retry_after: float = 0, for_good: bool = False):
        super().__init__(redact.hide(" ".join(reason.split())))
        self.retry_after = retry_after
        self.for_good = for_good


def persist(attempt: Callable[[], T], patience: Patience, what: str, reached: Callable[[], int] = lambda: 0) -> T:
    """Return what `attempt` returns, tried again while it raises Failed; in the end raise Unreachable about `what`.

    Tries are counted from the last one that brought something: `slow_bytes` more than was ever `reached` before.
    """
    failures, most = 0, reached()
    while True:
        try:
            return attempt()
        except Failed as failed:
            failures = 1 if reached() >= most + patience.slow_bytes else failures + 1
            most = max(most, reached())
            if failed.for_good or failures >= patience.tries:
                tries = "" if failed.for_good else f" after {failures} tries"
                raise exits.Unreachable(
                    f"{what} cannot be reached{tries}: {failed}; check the network and the address, or rerun the"
                    " command later"
                ) from None
            time.sleep(pause_s(failures, failed.retry_after, patience))


def pause_s(failures: int, retry_after: float, patience: Patience) -> float:
    """Return how long to wait after so many failures in a row: what was asked for or the back-off, with jitter."""
    # Jitter spreads the many jobs that one outage stopped at the same moment.
    back_off = patience.back_off_s * 2 ** min(failures - 1, 30) * random.uniform(0.5, 1.5)
    return min(patience.longest_pause_s, max(back_off, retry_after))


def ask(method: str, url: str, headers: dict, patience: Patience) -> urllib3.BaseHTTPResponse:
    """Return the answer, its body not read yet; the caller closes it. Raises Failed for what may be better later."""
    try:
        response = _manager(_proxy(url)).request(
            method,
            url,
            # As it is: lengths and ranges count the bytes of the file, not those of a compressed transfer.
            headers={"Accept-Encoding": "identity", "User-Agent": "monthwise", **headers},
            timeout=urllib3.Timeout(connect=patience.connect_s, read=patience.read_s),
            # Only redirects are followed here: `persist` also knows about bodies.
            retries=REDIRECTS,
            preload_content=False,
            decode_content=False,
        )
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise _failed(error, patience) from error
    if response.status in FOR_NOW:
        with response:
            raise Failed(f"answers {response.status}", retry_after=_retry_after(response, patience))
    return response


def receive(response: urllib3.BaseHTTPResponse, write: Callable[[bytes], object], patience: Patience) -> None:
    """Pass the body on piece by piece. Raises Failed where it is cut, stalls or only drips."""
    since, brought = time.monotonic(), 0
    while chunk := _next(response, patience):
        write(chunk)
        brought += len(chunk)
        passed = time.monotonic() - since
        if passed >= patience.slow_s:
            if brought < patience.slow_bytes:
                raise Failed(f"only {brought} bytes came in {passed:.0f} s")
            since, brought = time.monotonic(), 0


def _next(response: urllib3.BaseHTTPResponse, patience: Patience) -> bytes:
    try:
        return response.read1(CHUNK)
    except urllib3.exceptions.HTTPError as error:
        raise _failed(error, patience) from error


def _failed(error: Exception, patience: Patience) -> Failed:
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason:
        error = error.reason
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return Failed("its host name is not known")
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return Failed(str(getattr(error.__cause__, "strerror", None) or error).lower())
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return Failed(f"no connection within {patience.connect_s:g} s")
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return Failed(f"nothing came for {patience.read_s:g} s")
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return Failed("the connection was cut")
    # Too many redirects, a certificate that is not trusted, an address that is none.
    return Failed(f"{type(error).__name__}: {error}", for_good=True)


def _retry_after(response: urllib3.BaseHTTPResponse, patience: Patience) -> float:
    try:
        return urllib3.Retry().get_retry_after(response) or 0
    except urllib3.exceptions.InvalidHeader:
        return 0


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


@functools.cache
def _manager(proxy: str | None) -> urllib3.PoolManager:
    """Return the one pool of connections, shared by all threads."""
    if proxy:
        login = urllib3.util.parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
        manager = urllib3.ProxyManager(proxy, proxy_headers=headers, maxsize=16)
    else:
        manager = urllib3.PoolManager(maxsize=16)
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
    return manager


class _HeadersInTime:
    """A connection whose answer must have begun in time: a time limit per piece never ends where headers drip."""

    def getresponse(self):
        late = threading.Event()

        def cut(sock=self.sock):
            late.set()
            with contextlib.suppress(OSError):  # closed by itself just now
                sock.shutdown(SHUT_RDWR)

        timer = threading.Timer(self.timeout, cut)
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        except Exception:
            if late.is_set():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()
        if late.is_set():
            # What is cut in its headers looks like an answer with fewer of them.
            raise TimeoutError
        return response


class _HTTPConnection(_HeadersInTime, HTTPConnection):
    pass


class _HTTPSConnection(_HeadersInTime, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection
