"""Standard output and error of a command: a failed write never ends the command."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


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

    def write(self, content: ReadableBuffer) -> int:
        while True:
            try:
                return os.write(self.number, content)
            except BlockingIOError:
                select.select([], [self.number], [])
            except OSError as error:
                self._give_up(error)
                return memoryview(content).nbytes

    def _give_up(self, error: OSError) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.number)
        os.close(nowhere)
        if error.errno != errno.EPIPE:
            self.is_lost = True
            if self.number != 2:
                print(f"monthwise: what it prints cannot be written: {error.strerror}", file=sys.stderr)


def settle() -> Output:
    """Make standard output and error UTF-8 streams that never fail; reopen closed standard streams as /dev/null.

    Returns standard output.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    standard_output = Output(1)
    sys.stdout, sys.stderr = map(_stream, (standard_output, Output(2)))
    return standard_output


def _stream(output: Output) -> io.TextIOWrapper:
    buffered = io.BufferedWriter(output)
    by_line = output.number == 2 or output.isatty()
    return io.TextIOWrapper(buffered, encoding="utf-8", errors="backslashreplace", line_buffering=by_line)
