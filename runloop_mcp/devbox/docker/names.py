"""How what belongs to a state directory is called and labelled in the engine, so that it is found again."""

import base64
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runloop_mcp.api.errors import InvalidRequest

STATE = "runloop-mcp.state"
"""Label: the state directory's id."""
KIND = "runloop-mcp.kind"
"""Label: a `Kind`."""
ID = "runloop-mcp.id"
"""Label: the devbox's or snapshot's id; of an environment the id of the image that it was made from."""
SPEC = "runloop-mcp.spec"
"""Label: the spec of the devbox, or of the one that a snapshot is of."""
FILES = "runloop-mcp.files"
"""Label: the keys of the files that it holds."""

DEVBOX = "devbox"
SNAPSHOT = "snapshot"
ENVIRONMENT = "environment"
"""An image with a user, a working directory and files, which devboxes are made from."""
BUILT = "built"
"""An image from a Dockerfile."""
SCRATCH = "scratch"
"""A container that something is copied out of or into."""

_ID_FILE = "id"
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def check_id(name: str) -> str:
    """An id that can be a part of names in the engine.

    Raises:
        InvalidRequest: It can't.
    """
    if not _SAFE_ID.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} is no possible id.", hint="Up to 100 letters, digits, '_', '-' and '.' make an id."
        )
    return name


class Names:
    """The names of one state directory's things.

    Args:
        state: Its id.
    """

    def __init__(self, state: str) -> None:
        self.state = state
        self.repository = f"runloop-mcp/{state}"
        """The name of its images; their tags tell them apart."""

    @classmethod
    def of(cls, folder: Path) -> "Names":
        """The names of a state directory, which gets its id here at its first use; blocks."""
        kept = folder / _ID_FILE
        if not cls.are_given(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = folder / f"id-{os.getpid()}-{secrets.token_hex(4)}"
            fresh.write_text(secrets.token_hex(8), encoding="ascii")
            try:
                os.link(fresh, kept)
            except FileExistsError:  # another server was faster
                pass
            finally:
                fresh.unlink()
        return cls(kept.read_text(encoding="ascii").strip())

    @staticmethod
    def are_given(folder: Path) -> bool:
        """Whether a state directory has an id yet; blocks."""
        return (folder / _ID_FILE).exists()

    def container(self, devbox_id: str) -> str:
        """The name of a devbox's container."""
        return f"runloop-mcp-{self.state}-{devbox_id}"

    def snapshot(self, snapshot_id: str) -> str:
        """The name of a snapshot's image."""
        return f"{self.repository}:snapshot-{snapshot_id}"

    def environment(self, digest: str) -> str:
        """The name of an environment's image."""
        return f"{self.repository}:environment-{digest}"

    def labels(self, kind: str, name: str = "", **about: Any) -> dict[str, str]:
        """All labels that something carries, so that it inherits none from the image that it is made of."""
        return {
            STATE: self.state,
            KIND: kind,
            ID: name,
            SPEC: _packed(about.get("spec")),
            FILES: _packed(about.get("files")),
        }


def _packed(content: Any) -> str:
    """As a word, which no engine's syntax for labels takes apart."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def unpacked(labels: Mapping[str, str], label: str) -> Any:
    """What a label holds; None where there is none that can be read."""
    text = labels.get(label, "")
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return None
