"""Many months asked of publishers on the web at once, for a bounded time if one does not answer."""

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
SILENCE_S = 10.0  # after the last answer; what has not been answered by then is given up
TRIES = 3  # of one month, where a job that downloads has more
Key = TypeVar("Key", bound=Hashable)
Outcome = dict | Exception


def locate_all(asked: Mapping[Key, dict], locate: Callable[[dict], Outcome]) -> dict[Key, Outcome]:
    """Return for each key of `asked` (its values are settings) what `locate` returns; publishers are asked in parallel.

    A publisher that cannot be reached costs SILENCE_S for all its months together, and they share one Unreachable.
    """
    by_url: dict[str, dict[Key, dict]] = {}
    for key, settings in asked.items():
        patience = Patience.of(settings)
        patience = replace(patience, tries=min(patience.tries, TRIES))
        by_url.setdefault(settings["url"], {})[key] = settings | {"patience": asdict(patience)}
    found: dict[Key, Outcome] = {}
    if by_url:
        with ThreadPoolExecutor(len(by_url)) as pool:
            for outcomes in pool.map(lambda url: _locate_at(url, by_url[url], locate), by_url):
                found |= outcomes
    return found


def _locate_at(url: str, asked: Mapping[Key, dict], locate: Callable[[dict], Outcome]) -> dict[Key, Outcome]:
    waiting, results = deque(asked.items()), queue.SimpleQueue()
    for _ in range(min(AT_ONCE, len(asked))):
        # Daemons, since nothing ends a thread that waits for a name server: it is left behind.
        threading.Thread(target=_work, args=(waiting, results, locate), daemon=True).start()
    found: dict[Key, Outcome] = {}
    end, given_up, is_reachable = time.monotonic() + SILENCE_S, None, False
    while len(found) < len(asked) and not given_up:
        try:
            key, found[key] = results.get(timeout=max(end - time.monotonic(), 0))
        except queue.Empty:
            given_up = exits.Unreachable(f"{url} does not answer within {SILENCE_S:g} s; {HOW_TO_REACH}")
            break
        if not isinstance(found[key], exits.Unreachable):
            end, is_reachable = time.monotonic() + SILENCE_S, True
        elif not is_reachable:
            given_up = found[key]
    waiting.clear()
    return {key: found.get(key, given_up) for key in asked}


HOW_TO_REACH = "check the network and the address, then rerun the command"


def _work(waiting: deque, results: queue.SimpleQueue, locate: Callable[[dict], Outcome]) -> None:
    while True:
        try:
            key, settings = waiting.popleft()
        except IndexError:
            return
        results.put((key, locate(settings)))
