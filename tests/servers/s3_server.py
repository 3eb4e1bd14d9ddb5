"""A real S3 endpoint on loopback: OpenStack Swift with s3api (Debian's packages), in a mount namespace of its own."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.workflow import free_ports, wait_for

PROGRAMS = ("swift-proxy-server", "swift-account-server", "swift-container-server", "swift-object-server", "memcached")
KEY, SECRET = "monthwise:tester", "testing-secret"
PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {proxy}
workers = 0
user = root
swift_dir = /etc/swift
conn_timeout = 300
node_timeout = 300
recoverable_node_timeout = 300
error_suppression_limit = 1000000
[pipeline:main]
pipeline = catch_errors cache s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
connect_timeout = 300
pool_timeout = 300
io_timeout = 300
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
auth_pipeline_check = false
[filter:tempauth]
use = egg:swift#tempauth
user_monthwise_tester = {secret} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""
STORAGE = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = root
devices = {folder}/devices
mount_check = false
swift_dir = /etc/swift
fallocate_reserve = 0
conn_timeout = 300
node_timeout = 300
container_update_timeout = 300
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
HASH = """
[swift-hash]
swift_hash_path_suffix = monthwise
swift_hash_path_prefix = test
[storage-policy:0]
name = one
default = yes
"""


class Server:
    """Where it listens, and how to log in."""

    def __init__(self, port: int):
        self.url = f"http://127.0.0.1:{port}"

    def environment(self) -> dict[str, str]:
        """Return what boto3 and MLflow read."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
            "MLFLOW_S3_ENDPOINT_URL": self.url,
        }

    def answers(self) -> bool:
        """Whether a bucket can be made, written to and read: the ports answer before what is behind them."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client()
        with contextlib.suppress(BotoCoreError, ClientError):  # it may be there from a try that failed later
            client.create_bucket(Bucket="ready")
        with contextlib.suppress(BotoCoreError, ClientError):
            client.put_object(Bucket="ready", Key="key", Body=b"body")
            return client.list_objects_v2(Bucket="ready")["KeyCount"] == 1
        return False

    def client(self):
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Start Swift with its files in `folder`; skip without it, fail in CI."""
    missing = [name for name in PROGRAMS if not shutil.which(name, path="/usr/sbin:/usr/bin")]
    allowed = os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    if missing or not allowed:
        packages = "swift-proxy swift-account swift-container swift-object memcached"
        reason = f"NOT CHECKED WITH A REAL BUCKET: apt-get install {packages}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    etc = folder / "etc"
    (folder / "devices/d1").mkdir(parents=True)
    etc.mkdir()
    names = ("proxy", "memcached", "account", "container", "object")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    (etc / "swift.conf").write_text(HASH)
    (etc / "proxy-server.conf").write_text(PROXY.format(secret=SECRET, **ports))
    for kind in ("account", "container", "object"):
        (etc / f"{kind}-server.conf").write_text(STORAGE.format(kind=kind, port=ports[kind], folder=folder))
        ring = ["swift-ring-builder", str(etc / f"{kind}.builder")]
        for words in (["create", "4", "1", "1"], ["add", f"r1z1-127.0.0.1:{ports[kind]}/d1", "1"], ["rebalance"]):
            subprocess.run([*ring, *words], check=False, capture_output=True)
        assert (etc / f"{kind}.ring.gz").exists()
    processes = [subprocess.Popen(["memcached", "-u", "root", "-l", "127.0.0.1", "-p", str(ports["memcached"])])]
    try:
        for kind in ("account", "container", "object", "proxy"):
            command = f"mount --bind {etc} /etc/swift; exec swift-{kind}-server /etc/swift/{kind}-server.conf"
            log = open(folder / f"{kind}.log", "w")  # noqa: SIM115 - as long as the process
            processes.append(subprocess.Popen(["unshare", "-m", "sh", "-ec", command], stdout=log, stderr=log))
        server = Server(ports["proxy"])
        try:
            wait_for(server.answers)
        except AssertionError:
            logs = "".join(path.read_text()[-1500:] for path in folder.glob("*.log"))
            pytest.fail(f"Swift does not come up:\n{logs}")
        yield server
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=600)
