"""Months from a web server, such as the TLC's: one request locates a file, another downloads it."""

from __future__ import annotations

import datetime
import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import urllib3

from ..base import exits, months
from .connection import Failed, Patience, persist, receive, request
from .partial import Partial
from .source import how_to_locate, name

if TYPE_CHECKING:
    from typing import Any

    from ..base.file_types import Source

# The TLC's files are in a bucket behind CloudFront that cannot be listed: it answers 403 for a missing key.
MISSING = {403, 404, 410}
OK, PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 200, 206, 416
HEAD_UNKNOWN = {405, 501}
MONTHS_BEFORE = 6


@dataclass(frozen=True)
class Offer:
    """The publisher's facts about a file; `size` is that of the complete file in bytes. Unknown facts are None."""

    size: int | None
    etag: str | None
    last_modified: str | None


def locate(settings: Mapping[str, Any]) -> Source:
    """Return the facts of one month: url, size, etag, and the time of the last change, in UTC."""
    url, patience = _url(settings, settings["month"]), Patience.of(settings)
    status, offer, is_page = persist(lambda: _offered(url, patience), patience, f"{name(settings)}: {url}")
    _refuse(status, url, settings)
    if is_page:
        # Accepted as facts, the page would replace those of the month, and the month's file would be deleted.
        raise exits.BadData(
            f"{name(settings)}: {url} answers with an HTML page, not with the file; open the address in a browser "
            "(a login page of the network?), then rerun the command"
        )
    return {
        "dataset": settings["dataset"],
        "month": settings["month"],
        "kind": "https",
        "file": settings["file"],
        "url": url,
        "size": offer.size,
        "etag": offer.etag,
        "last_modified": offer.last_modified,
    }


def fetch(facts: Source, settings: Mapping[str, Any], path: str | Path) -> None:
    """Download the file that `facts` describe to `path`; the data of a cut transfer stays next to it (partial.py)."""
    patience = Patience.of(settings)
    subject = f"{name(settings)}: {facts['url']}"
    with Partial(Path(path).parent, facts) as partial:
        persist(lambda: _transfer(facts, settings, partial, patience), patience, subject, lambda: partial.size)
        partial.become(path)


def _transfer(facts: Source, settings: Mapping[str, Any], partial: Partial, patience: Patience) -> None:
    """Download the missing part of the file, in one request."""
    if partial.size and partial.size == facts["size"]:
        return
    validator = _validator(facts)
    if validator is None or partial.size > (facts["size"] or partial.size):
        partial.clear()
    headers = {"Range": f"bytes={partial.size}-", "If-Range": validator} if validator and partial.size else {}
    with request("GET", facts["url"], headers, patience) as response:
        if response.status == RANGE_NOT_SATISFIABLE:
            # The range begins at or after the file's end, so the file is shorter than its recorded size.
            partial.clear()
            raise Failed("ends before its length")
        _refuse(response.status, facts["url"], settings)
        offer = _offer(response)
        difference = _difference(facts, offer)
        if difference:
            partial.clear()
            raise _changed(facts, settings, difference)
        if response.status == PARTIAL_CONTENT and _range(response)[0] != partial.size:
            partial.clear()
            raise Failed("sent another part of the file than was asked for")
        if response.status == OK:
            partial.clear()
        size = facts["size"] if offer.size is None else offer.size

        def take(chunk: bytes) -> None:
            if size is not None and partial.size + len(chunk) > size:
                partial.clear()
                raise _changed(facts, settings, f"more than {size:,} bytes")
            partial.write(chunk)

        try:
            receive(response, take, patience)
        except Failed as failed:
            raise Failed(f"{failed} after {_progress(partial, size)}") from None
    if size is not None and partial.size < size:
        raise Failed(f"ended after {_progress(partial, size)}")


def _progress(partial: Partial, size: int | None) -> str:
    return f"{partial.size:,} bytes" if size is None else f"{partial.size:,} of {size:,} bytes"


def _changed(facts: Source, settings: Mapping[str, Any], difference: str) -> exits.TryAgain:
    return exits.TryAgain(
        f"{name(settings)}: {facts['url']} changed since it was located ({difference}); {how_to_locate(settings)}"
    )


def _offered(url: str, patience: Patience) -> tuple[int, Offer, bool]:
    """Return the status, the facts about the file, and whether the answer is an HTML page."""
    with request("HEAD", url, {}, patience) as response:
        response.drain_conn()  # reads no bytes; returns the connection to the pool
    if response.status in HEAD_UNKNOWN:
        with request("GET", url, {"Range": "bytes=0-0"}, patience) as response:
            pass
    content_type = response.headers.get("Content-Type", "").lower()
    return response.status, _offer(response), content_type.startswith("text/html")


def _refuse(status: int, url: str, settings: Mapping[str, Any]) -> None:
    """Raise NotPublished or Unreachable for a status without a file."""
    if status in MISSING:
        hint = " (so does the TLC where there is no such file)" if status == 403 else ""
        raise exits.NotPublished(
            f"{name(settings)} is not published: {url} answers {status}{hint}; {_newest(settings)}; "
            "a later run finds it"
        )
    if status not in (OK, PARTIAL_CONTENT):
        raise exits.Unreachable(f"{name(settings)}: {url} answers {status}; see whether the address is right")


def _newest(settings: Mapping[str, Any]) -> str:
    """Return, in words, the newest published month before that of `settings`; sends one request per month."""
    one_try = Patience.of({"patience": {**(settings.get("patience") or {}), "tries": 1}})
    last = min(months.shift(settings["month"], -1), months.today())
    first = months.shift(last, 1 - MONTHS_BEFORE)
    for month in reversed(months.span(first, last)):
        try:
            status, _, is_page = _offered(_url(settings, month), one_try)
        except Failed:
            return "could not determine the newest month"
        if status in (OK, PARTIAL_CONTENT) and not is_page:
            return f"the newest published month before it is {month}"
    return f"neither is any month from {first} to {last}"


def _url(settings: Mapping[str, Any], month: str) -> str:
    if not settings["url"].startswith(("https://", "http://")):
        raise exits.WrongConfig(f"publisher url {settings['url']!r} is no address; it begins with https://")
    return f"{settings['url'].rstrip('/')}/{months.in_name(settings['pattern'], month)}"


def _offer(response: urllib3.BaseHTTPResponse) -> Offer:
    length = response.headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() else None
    if response.status == PARTIAL_CONTENT:
        size = _range(response)[1]
    last_modified = response.headers.get("Last-Modified")
    return Offer(size, response.headers.get("ETag"), _utc(last_modified) if last_modified else None)


def _range(response: urllib3.BaseHTTPResponse) -> tuple[int | None, int | None]:
    """Return the first byte of the part and the total size, from `Content-Range: bytes 0-9/100` or `.../*`."""
    byte_range, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    begin = byte_range.partition("-")[0]
    return int(begin) if begin.isdecimal() else None, int(total) if total.isdecimal() else None


def _difference(facts: Source, offer: Offer) -> str | None:
    """Return how the offered file differs from the located one; None if no difference is known."""
    if None not in (facts["size"], offer.size) and facts["size"] != offer.size:
        return f"{offer.size:,} bytes instead of {facts['size']:,}"
    # Servers behind one address may give different times for the same file, so the ETag decides if there is one.
    for key in ("etag", "last_modified"):
        old, new = facts[key], getattr(offer, key)
        if old and new:
            return None if old.removeprefix("W/") == new.removeprefix("W/") else f"{key} {new} instead of {old}"
    return None


def _validator(facts: Source) -> str | None:
    """Return the value of If-Range: send the range if the file is unchanged, else all of it (RFC 9110, 13.1.5)."""
    if facts["etag"] and not facts["etag"].startswith("W/"):
        return facts["etag"]
    if facts["last_modified"]:
        return email.utils.format_datetime(datetime.datetime.fromisoformat(facts["last_modified"]), usegmt=True)
    return None


def _utc(date: str) -> str | None:
    """Return an HTTP date as `2021-03-01T12:00:00Z`; None if it is not valid."""
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except ValueError:
        return None
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
