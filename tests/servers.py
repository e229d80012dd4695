"""Real servers on loopback, started for a test session and stopped after it."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


def free_port():
    """A port below those of outgoing connections, which else take it while its server is away."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", secrets.choice(range(20_000, 32_000))))
            return probe.getsockname()[1]


def wait_until(ready, seconds=180, process=None):
    deadline = time.monotonic() + seconds
    while not ready():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the server ended with exit code {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not answer")
        time.sleep(0.2)


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def postgres_binaries():
    """The folder with the newest server's binaries, or None."""
    found = [Path(path).parent for path in [shutil.which("initdb")] if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(found) if (folder / "initdb").exists()), None)


def postgres_user():
    """Name and number of the account that the server runs as: it refuses root; None: our own."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres")
    return None


class Postgres:
    """A PostgreSQL server with a fresh cluster, that can be stopped and started again."""

    def __init__(self, folder):
        self.binaries, self.port = postgres_binaries(), free_port()
        self.url = f"postgresql://fibsem@127.0.0.1:{self.port}/postgres"
        self.data, user = folder / "postgres", postgres_user()
        self.data.mkdir(mode=0o700)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.how = {"cwd": self.data, **quiet}
        if user is not None:
            os.chown(self.data, user.pw_uid, user.pw_gid)
            for parent in [self.data, *self.data.parents]:  # it must be able to walk to its folder
                if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o011)
            self.how |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        initdb = [self.binaries / "initdb", "-D", self.data / "db", "-U", "fibsem", "-A", "trust",
                  "-E", "UTF8", "--no-sync"]  # fmt: skip
        subprocess.run(initdb, check=True, **self.how)
        self.process = None

    def start(self):
        command = [self.binaries / "postgres", "-D", self.data / "db", "-p", str(self.port),
                   "-h", "127.0.0.1", "-k", self.data, "-F"]  # fmt: skip
        self.process = subprocess.Popen(command, **self.how)
        wait_until(lambda: answers(self.port), process=self.process)
        wait_until(lambda: _ready(self.binaries, self.port), process=self.process)

    def stop(self):
        """Cut all connections, and be away."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


@contextlib.contextmanager
def postgres(folder):
    """A fresh PostgreSQL server; yields the address of an empty database."""
    server = Postgres(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def _ready(binaries, port):
    command = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


@contextlib.contextmanager
def mlflow_server(folder, port=None):
    """A real tracking server with its own database and artifacts; yields its address.

    The database is ``server.db``, which the server lays out in seconds where it is not there.
    """
    store, served = f"sqlite:///{folder / 'server.db'}", folder / "served"
    with mlflow_on(store, folder, "--artifacts-destination", str(served), port=port) as address:
        yield address


@contextlib.contextmanager
def mlflow_on(store, folder, *options, port=None):
    """A real tracking server on a store, started in a folder; yields its address."""
    port = port or free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", store, "--workers", "1", *options,
    ]  # fmt: skip
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # ten processes
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        wait_until(lambda: answers(port), process=process)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(30)
