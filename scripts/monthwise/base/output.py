"""What a command prints: it never ends the command, whoever reads it and whatever becomes of that."""

import errno
import io
import os
import select
import sys


class Output(io.RawIOBase):
    """A standard stream that is not written to again once nobody can read it.

    A reader who has seen enough (`| head -1`) is no fault; a full disk is one, and said once on the other stream.
    """

    def __init__(self, number: int):
        self.number = number
        self.is_lost = False  # for another reason than that its reader went

    def fileno(self) -> int:
        return self.number

    def isatty(self) -> bool:
        return os.isatty(self.number)

    def writable(self) -> bool:
        return True

    def write(self, text) -> int:
        while True:
            try:
                return os.write(self.number, text)
            except BlockingIOError:
                select.select([], [self.number], [])
            except OSError as error:
                self._give_up(error)
                return len(text)

    def _give_up(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.number)
        os.close(nowhere)
        if error.errno != errno.EPIPE:
            self.is_lost = True
            if self.number != 2:
                print(f"monthwise: what it prints cannot be written: {error.strerror}", file=sys.stderr)


def settle() -> None:
    """Let standard output and error be UTF-8 and never fail, and let no file take the place of a closed one."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout, sys.stderr = map(_stream, (1, 2))


def is_lost() -> bool:
    """Whether something of what was printed could not be written, say to a full disk."""
    sys.stdout.flush()
    return sys.stdout.buffer.raw.is_lost


def _stream(number: int) -> io.TextIOWrapper:
    output = Output(number)
    buffered = io.BufferedWriter(output)
    by_line = number == 2 or output.isatty()
    return io.TextIOWrapper(buffered, encoding="utf-8", errors="backslashreplace", line_buffering=by_line)
