"""Registries of packages on this machine, for tests of agents that are installed: each has one package, `solver`.

Its program prints what it is.
"""

import base64
import hashlib
import http.server
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from threaded_http import served_by

VERSION = "1.2.0"


@contextmanager
def package_index() -> Iterator[tuple[str, list[str]]]:
    """One server: `/simple` is an index for Python, `/npm` one for npm; and the paths that it was asked for."""
    asked: list[str] = []
    wheel, package = _wheel(), _npm_package()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            host = f"http://{self.headers['Host']}"
            name = f"solver-{VERSION}-py3-none-any.whl"
            pages: dict[str, tuple[str, bytes]] = {
                "/simple/solver/": ("text/html", f'<a href="/wheels/{name}">{name}</a>'.encode()),
                f"/wheels/{name}": ("application/octet-stream", wheel),
                "/npm/solver": ("application/json", _packument(host, package)),
                f"/npm/solver/-/solver-{VERSION}.tgz": ("application/octet-stream", package),
            }
            kind, body = pages.get(self.path, ("text/plain", b""))
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the base's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Says nothing."""

    with served_by(Handler) as address:
        yield address, asked


def _wheel() -> bytes:
    about = f"solver-{VERSION}.dist-info"
    files = {
        "solver.py": "def main():\n    print('solver of pip')\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: solver\nVersion: {VERSION}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": "[console_scripts]\nsolver = solver:main\n",
    }
    records = [f"{name},{_digest(text)},{len(text)}" for name, text in files.items()]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{about}/RECORD", "\n".join([*records, f"{about}/RECORD,,", ""]))
    return packed.getvalue()


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _npm_package() -> bytes:
    manifest = {"name": "solver", "version": VERSION, "bin": {"solver": "run.sh"}}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in (("package.json", json.dumps(manifest)), ("run.sh", "#!/bin/sh\necho solver of npm\n")):
            member = tarfile.TarInfo(f"package/{name}")
            member.size, member.mode = len(text), 0o755
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def _packument(host: str, package: bytes) -> bytes:
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()
    version = {
        "name": "solver",
        "version": VERSION,
        "bin": {"solver": "run.sh"},
        "dist": {"tarball": f"{host}/npm/solver/-/solver-{VERSION}.tgz", "integrity": integrity},
    }
    return json.dumps({"name": "solver", "dist-tags": {"latest": VERSION}, "versions": {VERSION: version}}).encode()
