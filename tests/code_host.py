"""A host of repositories, for tests of what is cloned."""

import functools
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def repositories(folder: Path, *, guarded: bool = True) -> Iterator[str]:
    """A host of repositories on this machine, which has one, `them/tool`, for who has the token; gives its address."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    work, bare = folder / "work", folder / "served" / "them" / "tool.git"

    def git(*arguments: str, at: Path = work) -> None:
        subprocess.run(["git", *arguments], cwd=at, env=environment, check=True, capture_output=True)

    work.mkdir(parents=True)
    git("init", "-q", "-b", "main")
    for version in ("one", "two"):
        (work / "version").write_text(f"{version}\n")
        git("add", ".")
        git("commit", "-q", "-m", version)
        git("tag", version)
    git("clone", "-q", "--bare", str(work), str(bare), at=folder)
    git("update-server-info", at=bare)
    handler = functools.partial(_Guarded if guarded else _Silent, directory=str(folder / "served"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
