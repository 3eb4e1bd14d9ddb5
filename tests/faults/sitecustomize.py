"""Takes away from the warm start what a system may take away: put this folder on PYTHONPATH and name it in FAULT.

Python imports this when it starts, but for the client (`-I`). Tests of `./monthwise run`, which drops PYTHONPATH,
plant it in the modules of the warm start instead. `held` is a file in the working directory that tells who waits.
"""

import errno
import os
import re
import socket
import sys
import time

FAULT = os.environ.get("FAULT")
IS_WARM = any(word.endswith("warm/process.py") for word in sys.orig_argv)


def fail(code: int):
    raise OSError(code, os.strerror(code))


def hold() -> None:
    if not os.path.exists("held"):
        with open("held.part", "w") as file:
            file.write(str(os.getpid()))
        os.rename("held.part", "held")
        time.sleep(600)


def hook(event: str, arguments: tuple) -> None:
    if event == "socket.__new__" and FAULT == "socket" and arguments[2] == socket.SOCK_SEQPACKET:
        fail(errno.EACCES)
    if not IS_WARM:
        return
    if event == "open" and FAULT == "proc" and re.fullmatch(r"/proc/\d+/\w+", str(arguments[0])):
        fail(errno.EACCES)
    if event == "os.fork" and FAULT == "fork":
        fail(errno.EAGAIN)
    if event == "resource.setrlimit" and FAULT == "limits":
        fail(errno.EPERM)
    if event == "import" and FAULT == "import" and arguments[0].startswith("sklearn."):
        raise RuntimeError("no such\nthing")
    if event == "import" and FAULT == "hang" and arguments[0].startswith("numpy."):
        hold()
    is_training = os.path.basename(sys.argv[0]) == "train.py"
    if event == "open" and FAULT == "job" and is_training and "model.skops" in str(arguments[0]):
        hold()


if FAULT:
    sys.addaudithook(hook)
if FAULT == "descriptors" and IS_WARM:
    socket.recv_fds = lambda *_: fail(errno.EPERM)
if FAULT == "pidfd":
    os.pidfd_open = lambda *_: fail(errno.ENOSYS)
