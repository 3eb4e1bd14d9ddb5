"""HTTP requests in which every step has a time limit, and temporary failures are retried."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from socket import SHUT_RDWR, socket
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ..base import exits, redact

if TYPE_CHECKING:
    from typing import Any

CHUNK = 1 << 16
FOR_NOW = {408, 425, 429, 500, 502, 503, 504}
REDIRECTS = urllib3.Retry(
    total=None, connect=0, read=0, other=0, status=0, redirect=5, respect_retry_after_header=False
)
T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long to wait for a publisher, in seconds."""

    connect_s: float = 10  # until the connection is established
    read_s: float = 30  # until all headers of the answer have arrived; then between two pieces of the body
    tries: int = 6  # consecutive tries without new data
    back_off_s: float = 1  # pause after the first failure; doubled after each further one, with jitter
    longest_pause_s: float = 60  # limit for every pause, even if the publisher requests more (Retry-After)
    slow_s: float = 60  # a transfer of less than `slow_bytes` in this time is cut and retried
    slow_bytes: int = 1 << 20

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Patience:
        """Return the settings' `patience`, else that of MONTHWISE_PATIENCE (JSON); defaults for missing values.

        It comes from the environment, because a change of waiting times must not make fetched months outdated.
        Raises WrongConfig if a value is not valid.
        """
        try:
            return cls(**settings.get("patience") or json.loads(os.environ.get("MONTHWISE_PATIENCE", "{}")))
        except (TypeError, ValueError) as error:
            raise exits.WrongConfig(f"MONTHWISE_PATIENCE: {error}; known: {', '.join(cls.__annotations__)}") from None


class Failed(Exception):
    """A try failed. `for_good`: another try would fail too. `retry_after`: pause in seconds the publisher requests."""

    def __init__(self, reason: str, retry_after: float = 0, for_good: bool = False):
        super().__init__(redact.hide(" ".join(reason.split())))
        self.retry_after = retry_after
        self.for_good = for_good


def persist(attempt: Callable[[], T], patience: Patience, what: str, reached: Callable[[], int] = lambda: 0) -> T:
    """Return what `attempt` returns; retry it while it raises Failed. Raises Unreachable about `what` in the end.

    Tries are counted from the last one that made progress: `slow_bytes` more than the largest `reached` before.
    """
    failures, largest = 0, reached()
    while True:
        try:
            return attempt()
        except Failed as failed:
            failures = 1 if reached() >= largest + patience.slow_bytes else failures + 1
            largest = max(largest, reached())
            if failed.for_good or failures >= patience.tries:
                tries = "" if failed.for_good else f" after {failures} tries"
                raise exits.Unreachable(
                    f"{what} cannot be reached{tries}: {failed}; check the network and the address, or rerun the"
                    " command later"
                ) from None
            time.sleep(pause_s(failures, failed.retry_after, patience))


def pause_s(failures: int, retry_after: float, patience: Patience) -> float:
    """Return how many seconds to wait after consecutive failures: `retry_after`, or the back-off with jitter."""
    # Jitter spreads the retries of many jobs that one outage stopped at the same moment.
    back_off = patience.back_off_s * 2.0 ** min(failures - 1, 30) * random.uniform(0.5, 1.5)
    return min(patience.longest_pause_s, max(back_off, retry_after))


def request(method: str, url: str, headers: Mapping[str, str], patience: Patience) -> urllib3.BaseHTTPResponse:
    """Return the response with its body unread; the caller closes it. Raises Failed if the request fails."""
    try:
        response = _manager(_proxy(url)).request(
            method,
            url,
            # Uncompressed: lengths and ranges must count the bytes of the file, not of a compressed transfer.
            headers={"Accept-Encoding": "identity", "User-Agent": "monthwise", **headers},
            timeout=urllib3.Timeout(connect=patience.connect_s, read=patience.read_s),
            # Only redirects are followed here. `persist` retries, because it also handles failures in the body.
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
    """Pass the body to `write` piece by piece. Raises Failed if the transfer is cut, stalls or is too slow."""
    period_start, period_bytes = time.monotonic(), 0
    while chunk := _next(response, patience):
        write(chunk)
        period_bytes += len(chunk)
        elapsed = time.monotonic() - period_start
        if elapsed >= patience.slow_s:
            if period_bytes < patience.slow_bytes:
                raise Failed(f"only {period_bytes} bytes came in {elapsed:.0f} s")
            period_start, period_bytes = time.monotonic(), 0


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
    # Too many redirects, an untrusted certificate, or an invalid address.
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
    """Return the connection pool, which all threads share."""
    manager: urllib3.PoolManager
    if proxy:
        login = urllib3.util.parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
        manager = urllib3.ProxyManager(proxy, proxy_headers=headers, maxsize=16)
    else:
        manager = urllib3.PoolManager(maxsize=16)
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
    return manager


class _HTTPConnection(HTTPConnection):
    """A connection with a time limit for all headers: a limit per piece never ends if headers arrive slowly."""

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # urllib3 overrides http.client like this
        timed_out = threading.Event()

        def cut(sock: socket = self.sock) -> None:
            timed_out.set()
            with contextlib.suppress(OSError):  # it may have just closed by itself
                sock.shutdown(SHUT_RDWR)

        timer = threading.Timer(self.timeout or threading.TIMEOUT_MAX, cut)
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        except Exception:
            if timed_out.is_set():
                raise TimeoutError from None
            raise
        finally:
            timer.cancel()
        if timed_out.is_set():
            # A response that is cut in its headers looks like one with fewer headers.
            raise TimeoutError
        return response


class _HTTPSConnection(_HTTPConnection, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection
