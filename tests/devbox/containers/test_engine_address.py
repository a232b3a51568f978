"""Where an engine is looked for."""

from pathlib import Path

import pytest

from runloop_mcp.devbox.docker.address import find


@pytest.mark.parametrize(
    ("variables", "base_url"),
    [
        ({"DOCKER_HOST": "unix:///run/some.sock"}, "http://docker"),
        ({"DOCKER_HOST": "tcp://10.0.0.1:2375"}, "http://10.0.0.1:2375"),
        ({"DOCKER_HOST": "tcp://10.0.0.1"}, "http://10.0.0.1:2375"),
        ({"DOCKER_HOST": "tcp://host", "DOCKER_TLS_VERIFY": "1"}, "https://host:2376"),
    ],
)
def test_docker_host_is_honoured(variables: dict[str, str], base_url: str) -> None:
    """Sockets and TCP, with TLS where the variables beside it ask for it."""
    address = find(variables)
    assert address.shown == variables["DOCKER_HOST"]
    assert address.base_url == base_url


def test_the_users_podman_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable, the first of the usual sockets that is there is taken."""
    import socket  # noqa: PLC0415 - one test's

    monkeypatch.chdir(tmp_path)
    (tmp_path / "podman").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("podman/podman.sock")
        if not Path("/var/run/docker.sock").exists():
            assert find({"XDG_RUNTIME_DIR": str(tmp_path)}).socket == tmp_path / "podman/podman.sock"
