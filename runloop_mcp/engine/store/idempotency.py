"""Idempotency keys: a thing that was asked for twice with one key happens once."""

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.base import WireModel

_NOT_IN_EARLIER: Final[dict[str, Any]] = {
    "shell_directory": True,
    "run_profile": {"launch_parameters": True, "mounts": True},
}
"""Fields that were added while keys were still kept with every field; no key of that time was used with them."""


def fingerprint(params: WireModel) -> str:
    """Names the arguments, so that a key that comes back with others is noticed.

    Returns:
        Two hashes, of which the first is to be told from others. It leaves defaults out, so that a field that is added
        later changes nothing for keys that are kept now. The second is what earlier servers kept, with every field.
    """
    now = params.model_dump_json(by_alias=True, exclude_defaults=True)
    earlier = params.model_dump_json(by_alias=True, exclude=_NOT_IN_EARLIER)
    return " ".join(hashlib.sha256(text.encode()).hexdigest() for text in (now, earlier))


def find(connection: sqlite3.Connection, scope: str, key: str, arguments: str) -> str | None:
    """The id of what this key was used for, if it was.

    Raises:
        InvalidRequest: It was used with other arguments.
    """
    row = connection.execute(
        "SELECT fingerprint, target_id FROM idempotency_keys WHERE scope = ? AND key = ?", (scope, key)
    ).fetchone()
    if row is None:
        return None
    refuse_other_arguments(row[0], arguments)
    return str(row[1])


def refuse_other_arguments(first: str, arguments: str) -> None:
    """Refuses a key that comes back with other arguments than it was first used with.

    Raises:
        InvalidRequest: They differ.
    """
    if first.split(" ", maxsplit=1)[0] not in arguments.split():
        raise InvalidRequest(
            "This idempotency key was used with other arguments.",
            hint="Use a new key for a new request; the same key only to repeat the very same one.",
        )


def all_of(connection: sqlite3.Connection, scope: str) -> dict[str, tuple[str, str]]:
    """Every key of a scope, with the arguments that it was used with and what it was used for."""
    rows = connection.execute("SELECT key, fingerprint, target_id FROM idempotency_keys WHERE scope = ?", (scope,))
    return {key: (arguments, target) for key, arguments, target in rows.fetchall()}


def keep(connection: sqlite3.Connection, scope: str, key: str, arguments: str, target_id: str, now_ms: int) -> None:
    """Remembers what a key was used for."""
    connection.execute(
        "INSERT INTO idempotency_keys (scope, key, fingerprint, target_id, create_time_ms) VALUES (?,?,?,?,?)",
        (scope, key, arguments, target_id, now_ms),
    )


def once(
    connection: sqlite3.Connection,
    scope: str,
    key: str | None,
    params: WireModel,
    *,
    target_id: str,
    now_ms: int,
    make: Callable[[], None],
) -> str:
    """Makes a thing, unless a request with this key and these arguments has made one.

    Args:
        connection: The writing connection.
        scope: What the key is for; the same key means nothing elsewhere.
        key: The key; None: it is made in any case.
        params: The arguments.
        target_id: The id of what is made.
        now_ms: When.
        make: Makes it.

    Returns:
        The id of what was made, now or before.

    Raises:
        InvalidRequest: The key was used with other arguments.
    """
    if key is not None:
        arguments = fingerprint(params)
        made = find(connection, scope, key, arguments)
        if made is not None:
            return made
        keep(connection, scope, key, arguments, target_id, now_ms)
    make()
    return target_id


@dataclass(frozen=True, slots=True)
class RequestKey:
    """The key of one request, with all that has to be the same when it comes again."""

    scope: str
    key: str
    arguments: str
    target_id: str

    def is_used(self, connection: sqlite3.Connection) -> bool:
        """Whether the request was carried out before.

        Raises:
            InvalidRequest: The key was used with other arguments.
        """
        return find(connection, self.scope, self.key, self.arguments) is not None

    def keep(self, connection: sqlite3.Connection, now_ms: int) -> None:
        """Remembers that the request is carried out; once is enough.

        Raises:
            InvalidRequest: The key was used with other arguments.
        """
        if not self.is_used(connection):
            keep(connection, self.scope, self.key, self.arguments, self.target_id, now_ms)
