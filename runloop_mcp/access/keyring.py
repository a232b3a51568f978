"""Who has a key: looked up in memory on every request, read from the file about once a second."""

import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread

from runloop_mcp.access.database import OF_KEY, AccessDatabase, KeyRow, NameTaken
from runloop_mcp.access.run_tokens import RunTokenBook, principal_of
from runloop_mcp.access.secret import digest_of, new_key
from runloop_mcp.api import signed_tokens
from runloop_mcp.api.access import Access, Keys, Principal, Role, RunTokens
from runloop_mcp.api.errors import ApiError, InvalidRequest, NotFound, Unauthorized
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.key import KeyView, NewKey

FILE: Final = "access.db"

FRESH_SECONDS: Final = 1.0
"""For how long what was read is trusted: a key that another process revokes is refused after that."""

NOTED_SECONDS: Final = 30.0
"""A use of a key is noted when the last that was noted is older."""

_LONGEST_NAME: Final = 100
_LONGEST_TOKEN: Final = 200
_REFUSED: Final = "The key or token is not known, or was revoked."
_HINT: Final = "An operator of the server makes one: runloop-mcp keys create NAME."


@dataclass(frozen=True, slots=True)
class _Holder:
    """Whoever has a key or a token that was not revoked."""

    digest: bytes
    principal: Principal
    key_id: str | None = None
    expire_time_ms: int | None = None


class Keyring(Access, Keys):
    """The keys and tokens of a state directory. Open it with `open_keyring`.

    Args:
        database: Where they are kept.
        secret: What signs tokens.
    """

    def __init__(self, database: AccessDatabase, secret: bytes) -> None:
        self._database = database
        self._secret = secret
        self._lock = anyio.Lock()
        self._good: dict[bytes, _Holder] = {}
        """By the first half of the digest; the second half is compared in constant time."""
        self._read_at = float("-inf")
        self._noted_at: dict[str, float] = {}
        self.run_tokens: RunTokens = RunTokenBook(database, self._forget)
        """The tokens of runs, which are good beside the keys."""

    async def authenticate(self, token: str) -> Principal:
        """The principal of a key, or of a run's token.

        Raises:
            Unauthorized: It is not known, was revoked, or has expired.
        """
        asked_at = time.monotonic()
        if len(token) > _LONGEST_TOKEN:
            raise Unauthorized(_REFUSED, hint=_HINT)
        digest = digest_of(token)
        if asked_at - self._read_at > FRESH_SECONDS:
            await self._read(asked_at - FRESH_SECONDS)
        holder = self._find(digest)
        if holder is None:
            # It may have been made a moment ago.
            await self._read(asked_at)
            holder = self._find(digest)
        if holder is None:
            raise Unauthorized(_REFUSED, hint=_HINT)
        if holder.expire_time_ms is not None and holder.expire_time_ms <= _now_ms():
            raise Unauthorized("The token of this run has expired.", hint="Ask whoever gave it to you for another.")
        key_id = holder.key_id
        if key_id is not None and asked_at - self._noted_at.get(key_id, float("-inf")) > NOTED_SECONDS:
            await self._note_use(key_id, asked_at)
        return holder.principal

    def _find(self, digest: bytes) -> "_Holder | None":
        half = len(digest) // 2
        found = self._good.get(digest[:half])
        return found if found is not None and hmac.compare_digest(digest[half:], found.digest[half:]) else None

    def _forget(self) -> None:
        """Has everything read anew before the next request is answered."""
        self._read_at = float("-inf")

    async def _read(self, no_older_than: float) -> None:
        """Reads the keys that are good, unless that was done since; once for all who wait."""
        async with self._lock:
            if self._read_at >= no_older_than:
                return
            read_at = time.monotonic()
            holders = await to_thread.run_sync(self._holders)
            self._good = {holder.digest[: len(holder.digest) // 2]: holder for holder in holders}
            self._read_at = read_at

    def _holders(self) -> "Sequence[_Holder]":
        """Whoever has something that was not revoked."""
        known = self._database.keys()
        keys = [
            _Holder(key.digest, Principal(f"{OF_KEY}{key.id}", _role(key)), key_id=key.id)
            for key in known
            if key.revoke_time_ms is None
        ]
        tokens = [
            _Holder(token.digest, principal_of(token), expire_time_ms=token.expire_time_ms)
            for token in self._database.run_tokens()
            if token.revoke_time_ms is None
        ]
        return [*keys, *tokens]

    async def _note_use(self, key_id: str, now: float) -> None:
        # Before it is done, so that one request alone waits for it.
        self._noted_at[key_id] = now
        try:
            await to_thread.run_sync(self._database.note_use, key_id, _now_ms())
        except ApiError:
            # Nobody is kept out because the disk is full; the next request tries again.
            self._noted_at.pop(key_id, None)

    def sign(self, purpose: str, *, seconds: float) -> str:
        """A token that is good for one purpose and so long."""
        return signed_tokens.signed(self._secret, purpose, seconds=seconds)

    def verify(self, purpose: str, token: str) -> None:
        """Says whether a token was signed for a purpose and is still good.

        Raises:
            Unauthorized: It is not.
        """
        signed_tokens.verify(self._secret, purpose, token)

    async def create(self, name: str, role: Role = Role.OPERATOR) -> NewKey:
        """Makes a key.

        Raises:
            InvalidRequest: The name is no good, or a key that is good has it.
        """
        name = _checked(name)
        key = new_key()
        row = KeyRow(new_id(IdPrefix.KEY), name, digest_of(key), _now_ms(), role=role.value)
        try:
            await to_thread.run_sync(self._database.add, row)
        except NameTaken:
            raise InvalidRequest(
                f"There is a key named {name!r} already.",
                hint=f"Choose another name, or make that one useless first: runloop-mcp keys revoke {name!r}.",
            ) from None
        return NewKey(key=key, **_view(row).model_dump(exclude_none=True))

    async def list(self) -> Sequence[KeyView]:
        """All keys, newest first, with those that are revoked."""
        return [_view(row) for row in await to_thread.run_sync(self._database.keys)]

    async def revoke(self, key: str) -> KeyView:
        """Makes a key useless from now on, by its id or name; see `Keys.revoke`.

        Raises:
            NotFound: There is none with this id or name.
        """
        rows = await to_thread.run_sync(self._database.keys)
        meant = [row for row in rows if row.id == key] or [row for row in rows if row.name == key]
        if not meant:
            # What was given is not repeated: people confuse a key with its name.
            raise NotFound("There is no key with this id or name.", hint="runloop-mcp keys list shows them.")
        row = next((row for row in meant if row.revoke_time_ms is None), meant[0])
        if row.revoke_time_ms is None:
            now = _now_ms()
            await to_thread.run_sync(self._database.revoke, row.id, now)
            row = replace(row, revoke_time_ms=now)
            self._forget()
        return _view(row)


async def open_keyring(folder: Path) -> Keyring:
    """The keys of a state directory, which is there.

    Raises:
        Unavailable: The file of keys can't be read or made, or others than its owner could read it.
        Conflict: Another process holds it for long.
    """
    database = AccessDatabase(folder / FILE)
    return Keyring(database, await to_thread.run_sync(database.signing_secret))


def _checked(name: str) -> str:
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidRequest(
            "A key's name tells people what it is for: 1 to 100 printable characters.", hint="For example: laptop."
        )
    return name.strip()


def _role(row: KeyRow) -> Role:
    """The role of a key; the lesser where it is one of a later version."""
    return Role.OPERATOR if row.role == Role.OPERATOR else Role.SOLVER


def _view(row: KeyRow) -> KeyView:
    return KeyView(
        id=row.id,
        name=row.name,
        role=_role(row).value,
        create_time_ms=row.create_time_ms,
        last_used_ms=row.last_used_ms,
        revoke_time_ms=row.revoke_time_ms,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
