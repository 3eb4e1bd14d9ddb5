"""What stands in for `python` (__init__.py): has a warm process fork a job, and is to its parent what the job is.

Called as `python -I -S client.py FOLDER PROGRAM ARGUMENTS`. It starts once for every job, so it imports next to
nothing: `_signal`, `_socket` and `posix` are what `signal`, `socket` and `os` wrap, which take longer than all it does.
"""

import _signal
import _socket
import fcntl
import posix
import sys

FOLDER, *COMMAND = sys.argv[1:]
LOST = b"exit 75: the warm process that forked this job is gone, and the job with it; ask again\n"
ANY = _signal.valid_signals()


def take_signals():
    """Take them again as any process does, but for the answers that are still to come."""
    fcntl.fcntl(warm.fileno(), fcntl.F_SETFL, 0)
    _signal.sigtimedwait((_signal.SIGIO,), 0)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def become_python():
    """Run the command in a Python of its own."""
    take_signals()
    posix.execv(sys.executable, [sys.executable, *COMMAND])  # by this path it finds its environment


def end(status):
    """End as the job did, by its exit code or by its signal; `status` is what waitpid says."""
    number = status & 127
    if not number:
        posix._exit(status >> 8)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would be the job's, and in the place of this one's
    if number != _signal.SIGKILL:
        _signal.signal(number, _signal.SIG_DFL)
    take_signals()
    posix.kill(posix.getpid(), number)


_signal.pthread_sigmask(_signal.SIG_BLOCK, ANY)
warm = _socket.socket(_socket.AF_UNIX)
fcntl.fcntl(warm.fileno(), fcntl.F_SETOWN, posix.getpid())
fcntl.fcntl(warm.fileno(), fcntl.F_SETFL, posix.O_ASYNC)  # an answer comes as SIGIO: one wait for it and for signals
try:
    warm.connect(FOLDER + "/" + COMMAND[0].rpartition("/")[2])
    streams = b"".join(stream.to_bytes(4, sys.byteorder) for stream in (0, 1, 2))
    warm.sendmsg([b"?"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
except (OSError, IndexError):
    become_python()

said = b""  # the job's pid and, when it has ended, its status; four bytes each
while True:
    came = _signal.sigwaitinfo(ANY)
    job = int.from_bytes(said[:4], "little")
    if came.si_signo != _signal.SIGIO:
        # The terminal and the kernel tell all of a process group: the job knows already.
        if came.si_code <= 0 and came.si_signo != _signal.SIGCHLD:
            posix.kill(job, came.si_signo) if job else end(came.si_signo)
        continue
    while True:
        try:
            heard = warm.recv(8, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            break
        except ConnectionResetError:
            heard = b""
        said += heard
        if len(said) == 8:
            end(int.from_bytes(said[4:], "little"))
        if heard:
            continue
        if not said:
            become_python()
        try:  # noqa: SIM105 - contextlib takes longer to import than this to run
            posix.kill(int.from_bytes(said, "little"), _signal.SIGKILL)
        except ProcessLookupError:
            pass
        posix.write(1, LOST)
        posix._exit(75)
