"""Container engines of the tests' own: Debian's dockerd and podman, each with private folders, started when first used.

Without a registry: the one image is made of this machine's files. They end with the process that started them.
"""

import atexit
import functools
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import base_image

IMAGE = "runloop-mcp-test"
_PROGRAMS = {"docker": Path("/usr/sbin/dockerd"), "podman": Path("/usr/bin/podman")}
_START_SECONDS = 60


def why_not(name: str) -> str:
    """What keeps an engine from being started here; empty where nothing does."""
    if os.geteuid() != 0:
        return "an engine of the tests' own needs root"
    if not _PROGRAMS[name].exists():
        return f"there is no {_PROGRAMS[name]} (make setup installs it as root, from Debian's packages)"
    return ""


@dataclass(frozen=True)
class Running:
    """An engine that runs."""

    address: str
    """For `DOCKER_HOST`."""


_running: dict[str, Running] = {}


def engine(name: str, *, storage: Path | None = None) -> Running:
    """An engine with the tests' image in it; the same one for the whole process.

    Args:
        name: Which engine.
        storage: A folder on btrfs where Docker is to keep its images and containers; None: a folder of its own.
    """
    key = f"{name} on {storage}" if storage else name
    if key not in _running:
        assert not why_not(name), why_not(name)
        # A short path, as a socket's name has to be, on a disk that containers can lie on.
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/var/tmp"))
        address = f"unix://{folder / 'engine.sock'}"
        command = _podman(folder, address) if name == "podman" else _dockerd(folder, address, storage)
        with (folder / "log").open("w") as log:
            # Podman leaves an image's archive among the temporary files.
            environment = {**os.environ, "TMPDIR": str(folder)}
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        atexit.register(_end, process, folder)
        _wait_ready(process, folder)
        _import_image(folder)
        _running[key] = Running(address)
    return _running[key]


def _dockerd(folder: Path, address: str, storage: Path | None) -> Sequence[str]:
    folders = [f"--{name}={folder / name}" for name in ("exec-root", "pidfile")]
    data = ["--data-root", str(storage or folder / "data-root"), *(["--storage-driver=btrfs"] if storage else [])]
    quiet = ["--bridge=none", "--iptables=false", "--ip-forward=false"]
    return ["/usr/sbin/dockerd", "--host", address, *data, *folders, *quiet]


def _podman(folder: Path, address: str) -> Sequence[str]:
    folders = [f"--{name}={folder / name}" for name in ("root", "runroot", "tmpdir")]
    how = ["--runtime=runc", "--cgroup-manager=cgroupfs", "--events-backend=none"]
    return ["/usr/bin/podman", *folders, *how, "system", "service", "--time=0", address]


class _Connection(http.client.HTTPConnection):
    """To the engine's socket."""

    def __init__(self, folder: Path) -> None:
        super().__init__("engine", timeout=120)
        self._path = folder / "engine.sock"

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _wait_ready(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        connection = _Connection(folder)
        try:
            connection.request("GET", "/_ping")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        log = (folder / "log").read_text()[-2000:]
        assert process.poll() is None, f"the engine ended: {log}"
        assert time.monotonic() < deadline, f"the engine is not ready: {log}"
        time.sleep(0.05)  # between two looks


@functools.cache
def _archive() -> Path:
    """The image's files, put together once for all engines of the process."""
    folder = Path(tempfile.mkdtemp(prefix="base-image-", dir="/var/tmp"))
    atexit.register(shutil.rmtree, folder)
    base_image.write(folder / "base.tar", folder)
    return folder / "base.tar"


def _import_image(folder: Path) -> None:
    archive = _archive()
    connection = _Connection(folder)
    try:
        with archive.open("rb") as content:
            connection.request(
                "POST",
                f"/images/create?fromSrc=-&repo={IMAGE}&tag=latest",
                content,
                {"Content-Type": "application/x-tar"},
            )
            response = connection.getresponse()
            said = response.read().decode()
        assert response.status == 200, said
        assert "error" not in json.loads(said.splitlines()[-1]), said
    finally:
        connection.close()


def _end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((each for each in mounts if each.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
