"""Locate many months at web publishers in parallel, with a time limit for publishers that do not answer."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, TypeVar

from ..base import exits
from .connection import Patience

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ..base.file_types import Source

    Settings: TypeAlias = Mapping[str, Any]
    Outcome: TypeAlias = Source | Exception

AT_ONCE = 8
SILENCE_S = 10.0  # time limit after the last answer; months without an answer then count as unreachable
TRIES = 3  # for each month; a download job makes more
Key = TypeVar("Key", bound=Hashable)


def locate_all(settings_by_key: Mapping[Key, Settings], locate: Callable[[Settings], Outcome]) -> dict[Key, Outcome]:
    """Return for each key what `locate` returns for its settings. Requests run in parallel.

    All months of a publisher that cannot be reached take SILENCE_S together, and share one Unreachable.
    """
    settings_by_url: dict[str, dict[Key, Settings]] = {}
    for key, settings in settings_by_key.items():
        patience = Patience.of(settings)
        patience = replace(patience, tries=min(patience.tries, TRIES))
        settings_by_url.setdefault(settings["url"], {})[key] = {**settings, "patience": asdict(patience)}
    outcomes: dict[Key, Outcome] = {}
    if settings_by_url:
        with ThreadPoolExecutor(len(settings_by_url)) as pool:
            for outcomes_at_url in pool.map(lambda url: _locate_at(url, settings_by_url[url], locate), settings_by_url):
                outcomes |= outcomes_at_url
    return outcomes


def _locate_at(
    url: str, settings_by_key: Mapping[Key, Settings], locate: Callable[[Settings], Outcome]
) -> dict[Key, Outcome]:
    pending = deque(settings_by_key.items())
    results: queue.SimpleQueue[tuple[Key, Outcome]] = queue.SimpleQueue()
    for _ in range(min(AT_ONCE, len(settings_by_key))):
        # Daemon threads, because a thread that waits for a name server cannot be stopped: the process leaves it behind.
        threading.Thread(target=_work, args=(pending, results, locate), daemon=True).start()
    outcomes: dict[Key, Outcome] = {}
    deadline, is_reachable = time.monotonic() + SILENCE_S, False
    while len(outcomes) < len(settings_by_key):
        try:
            key, outcome = results.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            error = exits.Unreachable(f"{url} does not answer within {SILENCE_S:g} s; {HOW_TO_REACH}")
            outcomes = dict.fromkeys(settings_by_key, error) | outcomes
            break
        outcomes[key] = outcome
        if not isinstance(outcome, exits.Unreachable):
            deadline, is_reachable = time.monotonic() + SILENCE_S, True
        elif not is_reachable:
            outcomes = dict.fromkeys(settings_by_key, outcome) | outcomes
    pending.clear()
    return {key: outcomes[key] for key in settings_by_key}


HOW_TO_REACH = "check the network and the address, then rerun the command"


def _work(
    waiting: deque[tuple[Key, Settings]],
    results: queue.SimpleQueue[tuple[Key, Outcome]],
    locate: Callable[[Settings], Outcome],
) -> None:
    while True:
        try:
            key, settings = waiting.popleft()
        except IndexError:
            return
        results.put((key, locate(settings)))
