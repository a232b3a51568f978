"""Mounts of devboxes in the database, until they are put. Every function runs on its threads, in its transaction."""

import sqlite3
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from runloop_mcp.api.models.mounts import Mount


class KeptMount(BaseModel):
    """A mount as it is kept."""

    model_config = ConfigDict(defer_build=True)

    mount: Mount
    lacks_token: bool
    """Whether it was given a token, which is kept nowhere."""


class _KeptMounts(BaseModel):
    model_config = ConfigDict(defer_build=True)

    mounts: list[KeptMount]


def keep(connection: sqlite3.Connection, devbox_id: str, mounts: Sequence[tuple[Mount, bool]]) -> None:
    """Keeps the mounts of a devbox, each with whether it lacks its token."""
    kept = _KeptMounts(mounts=[KeptMount(mount=mount, lacks_token=lacks) for mount, lacks in mounts])
    connection.execute(
        "INSERT INTO devbox_mounts (devbox_id, mounts) VALUES (?, ?)",
        (devbox_id, kept.model_dump_json(exclude_none=True)),
    )


def of_devbox(connection: sqlite3.Connection, devbox_id: str) -> list[KeptMount]:
    """The mounts that a devbox is to have."""
    row = connection.execute("SELECT mounts FROM devbox_mounts WHERE devbox_id = ?", (devbox_id,)).fetchone()
    return _KeptMounts.model_validate_json(row[0]).mounts if row is not None else []


def forget(connection: sqlite3.Connection, devbox_id: str) -> None:
    """Forgets the mounts of a devbox that has them by now, or has ended."""
    connection.execute("DELETE FROM devbox_mounts WHERE devbox_id = ?", (devbox_id,))
