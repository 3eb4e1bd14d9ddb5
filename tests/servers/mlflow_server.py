"""A real MLflow server with users and passwords, in front of a database and a bucket, for as long as a test takes."""

import contextlib
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from fixtures.workflow import free_ports, wait_for

PASSWORD = "server/word@1"
IN_URI = "server%2Fword%401"


@contextlib.contextmanager
def serving(folder: Path, store: str, artifacts: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Start a server with its files in `folder`; yield its URI, with user and password."""
    folder.mkdir()
    [port] = free_ports(1)
    (folder / "auth.ini").write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/users.db\nadmin_username = monthwise\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "grant_default_workspace_access = false\nauth_cache_ttl_seconds = 60\n"
    )
    secrets = {"MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD, "MLFLOW_FLASK_SERVER_SECRET_KEY": "for a test"}
    secrets |= {"MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"), "MLFLOW_BACKEND_STORE_URI": store}
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--artifacts-destination", artifacts]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | environment | secrets, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_for(lambda: _answers(port, process, folder / "log"))
        yield f"http://monthwise:{IN_URI}@127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=600)


def _answers(port: int, process: subprocess.Popen, log: Path) -> bool:
    assert process.poll() is None, f"MLflow's server does not come up:\n{log.read_text()[-3000:]}"
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60):
        return True
    return False
