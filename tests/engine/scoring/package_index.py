"""A package index on this machine's loopback, with one small package: what a builder fetches from is real."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from threaded_http import served_by

_WHEEL = "harbour_tables-1.2-py3-none-any.whl"
_FILES = {
    "harbour_tables.py": "VALUE = 0.75\n",
    "harbour_tables-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: harbour-tables\nVersion: 1.2\n",
    "harbour_tables-1.2.dist-info/WHEEL": (
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    ),
}


@dataclass
class Index:
    """The index while it is served."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    """The paths that were asked for."""


@contextmanager
def package_index() -> Iterator[Index]:
    """Serves the index."""
    index = Index()
    wheel = _wheel()
    page = f'<a href="/{_WHEEL}#sha256={hashlib.sha256(wheel).hexdigest()}">{_WHEEL}</a>'.encode()
    answers = {"/simple/harbour-tables/": ("text/html", page), f"/{_WHEEL}": ("application/zip", wheel)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.asked.append(self.path)
            self._answer(body_too=True)

        def do_HEAD(self) -> None:
            self._answer(body_too=False)

        def _answer(self, *, body_too: bool) -> None:
            kind, body = answers.get(self.path, ("text/plain", b""))
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if body_too:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with served_by(Handler) as address:
        index.url = f"{address}/simple"
        yield index


def _wheel() -> bytes:
    file = io.BytesIO()
    record = ""
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in _FILES.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(text)}\n"
        archive.writestr("harbour_tables-1.2.dist-info/RECORD", record + "harbour_tables-1.2.dist-info/RECORD,,\n")
    return file.getvalue()
