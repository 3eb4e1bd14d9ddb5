"""What `bin/python` starts for each job: has a warm process fork the job, and is to its parent what the job is.

Called as `python -I -S client.py ADDRESS PYTHON PROGRAM ARGUMENTS`. Whatever goes wrong, the job runs cold: this
process becomes PYTHON. Before that it makes sure that a job which had begun in a warm process is ended.

It starts once for every job, so it imports next to nothing: `_signal`, `_socket` and `posix` are what `signal`,
`socket` and `os` wrap, which take longer than all it does.
"""

import _signal  # type: ignore[import-not-found]  # typeshed lacks it; `signal` takes too long to import
import _socket
import fcntl
import posix
import sys
import time

ADDRESS, PYTHON, *COMMAND = sys.argv[1:]
PATIENCE_S = 120.0  # for a job to begin: imports take seconds, on a busy machine a minute
POLL_S = 10.0
ANY = _signal.valid_signals()
IGNORED = (_signal.SIGIO, _signal.SIGCHLD, _signal.SIGCONT, _signal.SIGURG, _signal.SIGWINCH)


class Lost(Exception):
    """No warm process runs the command to its end."""


class Job:
    """The job in a warm process. It begins with the message that brings `pidfd`, and ends with that of its status."""

    def __init__(self) -> None:
        self.pidfd: int | None = None
        self.status: int | None = None
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        posix.close(posix.dup(self.socket.fileno()))  # there is room for `pidfd`
        # A message raises SIGIO, so that one call waits for messages and for signals.
        fcntl.fcntl(self.socket.fileno(), fcntl.F_SETOWN, posix.getpid())
        fcntl.fcntl(self.socket.fileno(), fcntl.F_SETFL, posix.O_ASYNC | posix.O_NONBLOCK)

    def request(self) -> None:
        """Turn to the warm process for the program, if it is of this user."""
        self.socket.connect(f"\0{ADDRESS}-{COMMAND[0].rpartition('/')[2]}")
        owner = self.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)[4:8]
        if int.from_bytes(owner, sys.byteorder) != posix.geteuid():
            raise Lost

    def send_streams(self) -> None:
        """Send the standard streams. Not unasked: a process that hangs does not give them back."""
        streams = b"".join(stream.to_bytes(4, sys.byteorder) for stream in (0, 1, 2))
        self.socket.sendmsg([b"!"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])

    def follow(self) -> int:
        """Pass signals on to the job until it has ended; return its status as waitpid has it."""
        end = time.monotonic() + PATIENCE_S
        while self.status is None:
            received = _signal.sigtimedwait(ANY, POLL_S)
            if received and received.si_signo in IGNORED:
                received = None
            had_begun = self.pidfd is not None
            try:
                self.read()
                if self.pidfd is None and (received or time.monotonic() > end):
                    raise Lost
            except Exception:
                if received:
                    posix.kill(posix.getpid(), received.si_signo)  # takes effect when signals are no longer blocked
                raise
            # The terminal and the kernel (si_code above 0) tell the whole process group, so the job once it has begun.
            if received and self.status is None and (received.si_code <= 0 or not had_begun):
                self.send_signal(received.si_signo)
        return self.status

    def send_signal(self, number: int) -> None:
        """Send a signal to the job, which may have ended meanwhile."""
        try:  # noqa: SIM105 - contextlib takes longer to import than this to run
            _signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            pass

    def read(self) -> None:
        """Take in the messages that have arrived."""
        while self.status is None:
            try:
                message, passed, _, _ = self.socket.recvmsg(8, _socket.CMSG_SPACE(4), _socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if message == b"?":
                self.send_streams()
            elif passed:
                self.pidfd = int.from_bytes(passed[0][2], sys.byteorder)
            elif message and self.pidfd is not None:
                self.status = int.from_bytes(message, "little")
            else:
                raise Lost

    def end(self) -> None:
        """Make sure that the job never begins, or has ended: only then may it run again."""
        try:
            self.socket.shutdown(_socket.SHUT_RDWR)  # a job that cannot say that it begins does not begin
            self.read()
        except (OSError, Lost):
            pass
        if self.pidfd is None:
            return
        import select

        self.send_signal(_signal.SIGKILL)
        ended = select.poll()
        ended.register(self.pidfd, select.POLLIN)
        ended.poll()

    def close(self) -> None:
        """Close the socket, and take the signal of what else has arrived."""
        self.socket.close()
        _signal.sigtimedwait((_signal.SIGIO,), 0)


def take_signals() -> None:
    """Take signals again as any process does."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, BLOCKED)


def become_python() -> None:
    """Run the command in a Python of its own, by its full path: that is how Python finds its packages."""
    take_signals()
    try:
        posix.execv(PYTHON, [PYTHON, *COMMAND])
    except OSError as error:
        posix.write(2, f"{PYTHON}: {error.strerror}\n".encode(errors="replace"))
        posix._exit(127)


def end_alike(status: int) -> None:
    """End as the job did, by its exit code or by its signal."""
    number = status & 127
    if not number:
        posix._exit(status >> 8)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would be the job's, and in the place of this one's
    if number != _signal.SIGKILL:
        _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    posix.kill(posix.getpid(), number)


def run_warm() -> int | None:
    """Have a warm process run the command; return its status, or None if the command is still to run."""
    try:
        job = Job()
    except Exception:
        return None
    try:
        job.request()
        return job.follow()
    except Exception:
        job.end()
        return None
    finally:
        job.close()


BLOCKED = _signal.pthread_sigmask(_signal.SIG_BLOCK, ANY)
status = run_warm()
if status is None:
    become_python()
else:
    end_alike(status)
