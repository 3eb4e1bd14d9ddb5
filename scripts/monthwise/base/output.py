"""Standard output and error of a command: a failed write never ends the command."""

import errno
import io
import os
import select
import sys


class Output(io.RawIOBase):
    """A standard stream that is redirected to /dev/null after its first failed write.

    A closed pipe (`| head -1`) is not an error. Any other failure, such as a full disk, is reported once on stderr.
    """

    def __init__(self, number: int):
        self.number = number
        self.is_lost = False  # output was lost, and not because its reader closed the pipe

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
    """Make standard output and error UTF-8 streams that never fail; reopen closed standard streams as /dev/null."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    sys.stdout, sys.stderr = map(_stream, (1, 2))


def is_lost() -> bool:
    """Return whether some output could not be written, for example to a full disk."""
    sys.stdout.flush()
    return sys.stdout.buffer.raw.is_lost


def _stream(number: int) -> io.TextIOWrapper:
    output = Output(number)
    buffered = io.BufferedWriter(output)
    by_line = number == 2 or output.isatty()
    return io.TextIOWrapper(buffered, encoding="utf-8", errors="backslashreplace", line_buffering=by_line)
