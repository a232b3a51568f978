"""What the attacks aim at: secrets, services and processes of the host, planted so that a theft can be told."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from boxes import unique
from canaries import Secret, Service


@pytest.fixture
def secret(driver_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secret]:
    """A secret in the environment, in an open descriptor, and in files: at home, in /tmp, in the driver's state."""
    word = unique("secret")
    monkeypatch.setenv("RUNLOOP_API_KEY", word)
    monkeypatch.setenv("ANTHROPIC_API_KEY", word)
    planted = Secret(word)
    descriptors = []
    folders = (Path.home(), Path(tempfile.gettempdir()), tmp_path, driver_state)
    for folder in (folder for folder in folders if os.access(folder, os.W_OK)):  # some users have no home
        descriptor, name = tempfile.mkstemp(prefix=".runloop-mcp-canary-", dir=folder)
        os.write(descriptor, word.encode())
        os.set_inheritable(descriptor, True)
        os.fchmod(descriptor, 0o644)
        descriptors.append(descriptor)
        planted.files.append(Path(name))
    yield planted
    for descriptor, path in zip(descriptors, planted.files, strict=True):
        os.close(descriptor)
        path.unlink(missing_ok=True)


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the host, of the same user as the server, which must live on."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


@pytest.fixture
def services(driver_state: Path) -> Iterator[list[Service]]:
    """Services on the host's loopback, on all its addresses, on an abstract socket and on sockets in folders."""
    with tempfile.TemporaryDirectory() as folder:
        abstract, path, inner = "\0" + unique("abstract"), f"{folder}/socket", str(driver_state / unique("s")[:20])
        places: list[tuple[str, str, object]] = [
            ("AF_INET", "SOCK_STREAM", ("127.0.0.1", 0)),
            ("AF_INET", "SOCK_DGRAM", ("127.0.0.1", 0)),
            ("AF_INET", "SOCK_STREAM", ("0.0.0.0", 0)),  # noqa: S104 - all addresses, for as long as the test runs
            ("AF_INET6", "SOCK_STREAM", ("::1", 0)),
            ("AF_UNIX", "SOCK_STREAM", abstract),
            ("AF_UNIX", "SOCK_DGRAM", abstract + "d"),
            ("AF_UNIX", "SOCK_STREAM", path),
            ("AF_UNIX", "SOCK_STREAM", inner),
        ]
        found = []
        for family, kind, address in places:
            if family == "AF_INET6" and not _has_loopback_6():
                continue
            listener = socket.socket(getattr(socket, family), getattr(socket, kind))
            listener.bind(address)
            if kind == "SOCK_STREAM":
                listener.listen()
            listener.setblocking(False)
            target = listener.getsockname()
            if isinstance(target, bytes):
                target = target.decode()
            found.append(Service((family, kind, target[:2] if isinstance(target, tuple) else target), listener))
        yield found
        for service in found:
            service.listener.close()


def _has_loopback_6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as attempt:
            attempt.bind(("::1", 0))
    except OSError:
        return False
    return True
