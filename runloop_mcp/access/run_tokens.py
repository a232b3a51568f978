"""Tokens of runs: kept as hashes, beside the keys."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from anyio import to_thread

from runloop_mcp.access.database import AccessDatabase, RunTokenRow
from runloop_mcp.access.secret import RUN_TOKEN_PREFIX, digest_of, new_key
from runloop_mcp.api.access import LOCAL_OPERATOR, Principal, Role, RunTokens
from runloop_mcp.api.errors import NotFound
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.run_token import NewRunToken, RunTokenView
from runloop_mcp.api.models.scoring import Disclosure

_KEPT_MS: Final = 30 * 24 * 3600 * 1000
"""How long tokens that have expired are still shown in lists."""


class RunTokenBook(RunTokens):
    """The tokens of a state directory's runs.

    Args:
        database: Where they are kept.
        changed: Called when one was revoked, so that it is refused at once.
    """

    def __init__(self, database: AccessDatabase, changed: Callable[[], None]) -> None:
        self._database = database
        self._changed = changed

    async def mint(
        self,
        run_id: str,
        *,
        seconds: float,
        principal: Principal = LOCAL_OPERATOR,
        tools: Sequence[str] | None = None,
        disclosure: Disclosure | None = None,
    ) -> NewRunToken:
        """See `RunTokens.mint`."""
        token, now = new_key(RUN_TOKEN_PREFIX), _now_ms()
        row = RunTokenRow(
            new_id(IdPrefix.RUN_TOKEN),
            run_id,
            digest_of(token),
            principal.id,
            now,
            now + round(seconds * 1000),
            tools=None if tools is None else json.dumps(list(tools)),
            disclosure=disclosure,
        )
        await to_thread.run_sync(lambda: self._database.add_run_token(row, forget_before_ms=now - _KEPT_MS))
        return NewRunToken(token=token, **_view(row).model_dump(exclude_none=True))

    async def list(self, run_id: str | None = None) -> Sequence[RunTokenView]:
        """See `RunTokens.list`."""
        rows = await to_thread.run_sync(self._database.run_tokens)
        return [_view(row) for row in rows if run_id in (None, row.run_id)]

    async def revoke(self, token_id: str) -> RunTokenView:
        """See `RunTokens.revoke`."""
        rows = await to_thread.run_sync(self._database.run_tokens)
        row = next((row for row in rows if row.id == token_id), None)
        if row is None:
            # What was given is not repeated: people confuse a token with its id.
            raise NotFound("There is no token of a run with this id.", hint="runloop-mcp keys tokens shows them.")
        if row.revoke_time_ms is None:
            now = _now_ms()
            await to_thread.run_sync(self._database.revoke_run_token, row.id, now)
            row = replace(row, revoke_time_ms=now)
            self._changed()
        return _view(row)


def principal_of(row: RunTokenRow) -> Principal:
    """The solver that a token stands for."""
    tools = None if row.tools is None else frozenset(json.loads(row.tools))
    return Principal(f"run:{row.run_id}", Role.SOLVER, row.run_id, tools, _disclosure(row))


def _disclosure(row: RunTokenRow) -> Disclosure | None:
    """The disclosure; the strictest where it is one of a later version."""
    if row.disclosure is None:
        return None
    return Disclosure(row.disclosure) if row.disclosure in set(Disclosure) else Disclosure.SEALED


def _view(row: RunTokenRow) -> RunTokenView:
    return RunTokenView(
        id=row.id,
        run_id=row.run_id,
        made_by=row.made_by,
        create_time_ms=row.create_time_ms,
        expire_time_ms=row.expire_time_ms,
        tools=None if row.tools is None else json.loads(row.tools),
        disclosure=_disclosure(row),
        revoke_time_ms=row.revoke_time_ms,
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
