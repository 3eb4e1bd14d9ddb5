"""Locate many months at web publishers in parallel, with a time limit for publishers that do not answer."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import TypeVar

from ..base import exits
from .connection import Patience

AT_ONCE = 8
SILENCE_S = 10.0  # time limit after the last answer; months without an answer then count as unreachable
TRIES = 3  # for each month; a download job makes more
Key = TypeVar("Key", bound=Hashable)
Outcome = dict | Exception


def locate_all(settings_by_key: Mapping[Key, dict], locate: Callable[[dict], Outcome]) -> dict[Key, Outcome]:
    """Return for each key what `locate` returns for its settings. Requests run in parallel.

    All months of a publisher that cannot be reached take SILENCE_S together, and share one Unreachable.
    """
    settings_by_url: dict[str, dict[Key, dict]] = {}
    for key, settings in settings_by_key.items():
        patience = Patience.of(settings)
        patience = replace(patience, tries=min(patience.tries, TRIES))
        settings_by_url.setdefault(settings["url"], {})[key] = settings | {"patience": asdict(patience)}
    outcomes: dict[Key, Outcome] = {}
    if settings_by_url:
        with ThreadPoolExecutor(len(settings_by_url)) as pool:
            for outcomes_at_url in pool.map(lambda url: _locate_at(url, settings_by_url[url], locate), settings_by_url):
                outcomes |= outcomes_at_url
    return outcomes


def _locate_at(url: str, settings_by_key: Mapping[Key, dict], locate: Callable[[dict], Outcome]) -> dict[Key, Outcome]:
    pending, results = deque(settings_by_key.items()), queue.SimpleQueue()
    for _ in range(min(AT_ONCE, len(settings_by_key))):
        # Daemon threads, because a thread that waits for a name server cannot be stopped: the process leaves it behind.
        threading.Thread(target=_work, args=(pending, results, locate), daemon=True).start()
    outcomes: dict[Key, Outcome] = {}
    deadline, final_error, is_reachable = time.monotonic() + SILENCE_S, None, False
    while len(outcomes) < len(settings_by_key) and not final_error:
        try:
            key, outcomes[key] = results.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            final_error = exits.Unreachable(f"{url} does not answer within {SILENCE_S:g} s; {HOW_TO_REACH}")
            break
        if not isinstance(outcomes[key], exits.Unreachable):
            deadline, is_reachable = time.monotonic() + SILENCE_S, True
        elif not is_reachable:
            final_error = outcomes[key]
    pending.clear()
    return {key: outcomes.get(key, final_error) for key in settings_by_key}


HOW_TO_REACH = "check the network and the address, then rerun the command"


def _work(waiting: deque, results: queue.SimpleQueue, locate: Callable[[dict], Outcome]) -> None:
    while True:
        try:
            key, settings = waiting.popleft()
        except IndexError:
            return
        results.put((key, locate(settings)))
