"""Watches over the warm processes from Snakemake's: says once when one is lost, and ends one that hangs."""

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping

PATIENCE_S = 120.0  # without a word; a single import can take a minute on a busy machine
LOOK_S = 10.0


class Watch(threading.Thread):
    """Reads the lifelines of the warm processes (server.py): `pid PID`, then what goes wrong, and empty lines.

    A lifeline at its end is a process that has ended: by itself, or killed, for example because memory ran out.
    """

    def __init__(self, first: int, lifelines: Mapping[str, socket.socket], report_lost: Callable[[str], None]):
        """`first` is the process of the first lifeline, which may be stopped before it says anything."""
        super().__init__(name="monthwise-warm", daemon=True)
        self.lifelines = {lifeline.fileno(): (kind, lifeline) for kind, lifeline in lifelines.items()}
        self.report_lost = report_lost
        self.is_stopping = False
        self.pidfds = {next(iter(self.lifelines)): os.pidfd_open(first)}

    def run(self) -> None:
        """Return when all processes have ended."""
        try:
            self._watch()
        except Exception as error:
            self._lost(f"nobody watches it ({type(error).__name__}: {error})")

    def kill(self, *numbers: int) -> None:
        """Kill processes that have not ended, by their lifelines; all of them where none is named."""
        for number in numbers or list(self.lifelines):
            with contextlib.suppress(OSError, KeyError):
                signal.pidfd_send_signal(self.pidfds[number], signal.SIGKILL)

    def _watch(self) -> None:
        poll = select.poll()
        for number in self.lifelines:
            poll.register(number, select.POLLIN)
        silent_s = dict.fromkeys(self.lifelines, 0.0)
        checked_at = time.monotonic()
        while silent_s:
            heard = [number for number, _ in poll.poll(LOOK_S * 1000)]
            # No more than a look takes: whoever stopped these processes with Ctrl-Z has stopped this one too.
            passed_s, checked_at = min(time.monotonic() - checked_at, LOOK_S), time.monotonic()
            for number in list(silent_s):
                silent_s[number] = 0.0 if number in heard else silent_s[number] + passed_s
                if silent_s[number] > PATIENCE_S:
                    self._lost(f"the process for {self.lifelines[number][0]} does not answer")
                    self.kill(number)
            for number in heard:
                if not self._hear(number):
                    poll.unregister(number)
                    del silent_s[number]

    def _hear(self, number: int) -> bool:
        """Read what a process says; False where it has ended."""
        kind, lifeline = self.lifelines[number]
        try:
            received = lifeline.recv(1 << 18)
        except OSError:
            received = b""
        if not received:
            self._lost(f"the process for {kind} was ended")
            return False
        for line in filter(None, received.decode(errors="replace").split("\n")):
            if not line.startswith("pid "):
                self._lost(line)
            elif number not in self.pidfds:
                with contextlib.suppress(ProcessLookupError):  # its end is what is heard next
                    self.pidfds[number] = os.pidfd_open(int(line.removeprefix("pid ")))
        return True

    def _lost(self, reason: str) -> None:
        if not self.is_stopping:
            self.report_lost(reason)
