"""A real PostgreSQL (Debian's) on loopback, with a user and a password, for as long as a test takes."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.workflow import free_ports

PASSWORD = "pass/word@1"
IN_URI = "pass%2Fword%401"


class Server:
    """Where it listens; databases are made on demand."""

    def __init__(self, folder: Path, programs: Path, port: int):
        self.folder, self.programs, self.port = folder, programs, port

    def ctl(self, *arguments: str) -> None:
        program = self.programs / "pg_ctl"
        self._as_postgres([str(program), "-D", str(self.folder / "data"), "-w", "-t", "600", *arguments])

    def database(self, name: str) -> str:
        """Make an empty database; return its URI, with user and password."""
        host = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "monthwise", name]
        environment = os.environ | {"PGPASSWORD": PASSWORD}
        subprocess.run([self.programs / "createdb", *host], env=environment, check=True, capture_output=True)
        return f"postgresql://monthwise:{IN_URI}@127.0.0.1:{self.port}/{name}"

    def _as_postgres(self, command: list[str]) -> None:
        prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run([*prefix, *command], cwd="/", check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Start a server with its files in a folder of its own; skip loudly without PostgreSQL, fail in CI.

    The folder is none of pytest's: they are for one user alone, and a second pytest closes them again.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if shutil.which("runuser") else []
    if not folders:
        reason = "NOT CHECKED WITH A REAL POSTGRESQL: apt-get install postgresql"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    [port] = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="monthwise-postgres-") as folder:
        yield from _serving(Server(Path(folder), folders[-1], port))


def _serving(server: Server) -> Iterator[Server]:
    folder, programs = server.folder, server.programs
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    initdb = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "monthwise", "--pwfile", str(secret)]
    server._as_postgres([*initdb, "--auth", "scram-sha-256", "--no-sync"])
    options = f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    server.ctl("-o", options, "-l", str(folder / "log"), "start")
    try:
        yield server
    finally:
        server.ctl("-m", "immediate", "stop")
