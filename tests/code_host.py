"""A host of repositories, for tests of what is cloned."""

import atexit
import functools
import http.server
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threaded_http import served_by


@contextmanager
def repositories(folder: Path, *, guarded: bool = True) -> Iterator[str]:
    """A host of repositories on this machine, which has one, `them/tool`, for who has the token; gives its address."""
    shutil.copytree(_repository(), folder / "them" / "tool.git")
    handler = functools.partial(_Guarded if guarded else _Silent, directory=str(folder))
    with served_by(handler) as address:
        yield address


@functools.cache
def _repository() -> Path:
    """One with two commits, each with a tag; made once for all who serve it, until this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="code-host-"))
    atexit.register(shutil.rmtree, folder)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    work, bare = folder / "work", folder / "tool.git"

    def git(*arguments: str, at: Path = work) -> None:
        subprocess.run(["git", *arguments], cwd=at, env=environment, check=True, capture_output=True)

    work.mkdir()
    git("init", "-q", "-b", "main")
    for version in ("one", "two"):
        (work / "version").write_text(f"{version}\n")
        git("add", ".")
        git("commit", "-q", "-m", version)
        git("tag", version)
    git("clone", "-q", "--bare", str(work), str(bare), at=folder)
    git("update-server-info", at=bare)
    return bare


class _Silent(http.server.SimpleHTTPRequestHandler):
    """Serves files."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Says nothing."""


class _Guarded(_Silent):
    """Serves files to who has the token."""

    def do_GET(self) -> None:
        """Refuses strangers."""
        # x-access-token:let-me-in
        if self.headers.get("Authorization") != "Basic eC1hY2Nlc3MtdG9rZW46bGV0LW1lLWlu":
            self.send_error(401)
        else:
            super().do_GET()
