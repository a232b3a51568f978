"""Where the container engine listens: what `DOCKER_HOST` names, else the first socket that is there."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from runloop_mcp.api.errors import InvalidRequest, Unavailable

_FORMS = "unix:///var/run/docker.sock, unix:///run/podman/podman.sock or tcp://127.0.0.1:2375"
REMEDY = (
    "Start Docker, or for Podman: systemctl --user start podman.socket; or name an engine: "
    "DOCKER_HOST=unix:///path/to/its.sock"
)


@dataclass(frozen=True, slots=True)
class Address:
    """An engine's address."""

    shown: str
    socket: Path | None = None
    host: str = ""
    port: int = 0
    certificates: Path | None = None
    """The folder with `ca.pem`, `cert.pem` and `key.pem`, where it is spoken to over TLS."""

    @property
    def base_url(self) -> str:
        """Where HTTP requests go."""
        if self.socket is not None:
            return "http://docker"
        return f"http{'s' if self.certificates else ''}://{self.host}:{self.port}"

    def tls(self) -> ssl.SSLContext | None:
        """What a connection is made secure with; None where it is not."""
        if self.certificates is None:
            return None
        try:
            context = ssl.create_default_context(cafile=str(self.certificates / "ca.pem"))
            context.load_cert_chain(self.certificates / "cert.pem", self.certificates / "key.pem")
        except OSError as error:
            raise Unavailable(
                f"The certificates in {self.certificates} can't be used: {error}.",
                hint="DOCKER_CERT_PATH names a folder with ca.pem, cert.pem and key.pem.",
            ) from error
        return context


def find(environment: Mapping[str, str] = os.environ) -> Address:
    """The engine's address.

    Raises:
        InvalidRequest: `DOCKER_HOST` is not valid.
        Unavailable: It is not set, and no engine's socket is in its usual places.
    """
    if named := environment.get("DOCKER_HOST"):
        return _parsed(named, environment)
    for path in _usual_places(environment):
        if path.is_socket():
            return Address(f"unix://{path}", socket=path)
    raise Unavailable("No container engine was found: none of the usual sockets is there.", hint=REMEDY)


def _parsed(named: str, environment: Mapping[str, str]) -> Address:
    parts = urlsplit(named)
    if parts.scheme == "unix" and parts.path.startswith("/"):
        return Address(named, socket=Path(parts.path))
    if parts.scheme in ("tcp", "http", "https") and parts.hostname:
        secure = parts.scheme == "https" or environment.get("DOCKER_TLS_VERIFY", "") not in ("", "0")
        folder = Path(environment.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
        port = parts.port or (2376 if secure else 2375)
        return Address(named, host=parts.hostname, port=port, certificates=folder if secure else None)
    raise InvalidRequest(f"DOCKER_HOST={named} can't be used.", hint=f"Give an address such as {_FORMS}.")


def _usual_places(environment: Mapping[str, str]) -> list[Path]:
    home = Path.home()
    places = [
        Path("/var/run/docker.sock"),
        home / ".docker/run/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".orbstack/run/docker.sock",
        home / ".rd/docker.sock",
    ]
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        places += [Path(runtime) / "docker.sock", Path(runtime) / "podman/podman.sock"]
    return [*places, Path("/run/podman/podman.sock")]
