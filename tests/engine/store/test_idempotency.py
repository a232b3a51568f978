"""Keys of requests that are kept: they match a repeated request whichever version of the program kept them."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.run import RunProfile, StartRunParams
from runloop_mcp.engine.store import idempotency
from runloop_mcp.engine.store.database import Database


class NewerParams(ExecuteParams):
    """The parameters of commands as a later version may have them."""

    added: int = 3


def _found(connection: sqlite3.Connection, params: ExecuteParams | StartRunParams) -> str | None:
    return idempotency.find(connection, "scope", "key", idempotency.fingerprint(params))


async def _kept(path: Path, arguments: str) -> sqlite3.Connection:
    async with Database(path) as database:
        await database.write(lambda c: idempotency.keep(c, "scope", "key", arguments, "target", 1))
    return sqlite3.connect(path)


async def test_a_key_that_is_kept_now_matches_after_a_field_was_added(tmp_path: Path) -> None:
    """A field that a later version adds is no other argument, unless it is given another value."""
    arguments = idempotency.fingerprint(ExecuteParams(command="true"))
    with closing(await _kept(tmp_path / "store.db", arguments)) as connection:
        assert _found(connection, ExecuteParams(command="true")) == "target"
        assert _found(connection, NewerParams(command="true")) == "target"
        for other in (NewerParams(command="true", added=4), ExecuteParams(command="false")):
            with pytest.raises(InvalidRequest, match="other arguments"):
                _found(connection, other)


@pytest.mark.parametrize(
    ("earlier", "params", "other"),
    [
        (
            (
                '{"command":"true","working_directory":null,"timeout_seconds":null,"environment":null,"shell_name":null,'
                '"stdin":null,"attach_stdin":false,"last_n":null}'
            ),
            ExecuteParams(command="true"),
            ExecuteParams(command="false"),
        ),
        (
            (
                '{"scenario_id":"scn_1","run_name":null,"metadata":null,"benchmark_run_id":null,'
                '"runProfile":{"envVars":{"A":"b"},"purpose":null,"secrets":null}}'
            ),
            StartRunParams(scenario_id="scn_1", run_profile=RunProfile(env_vars={"A": "b"})),
            StartRunParams(scenario_id="scn_1", run_profile=RunProfile(env_vars={"A": "c"})),
        ),
    ],
)
async def test_a_key_that_was_kept_with_every_field_still_matches(
    tmp_path: Path, earlier: str, params: ExecuteParams | StartRunParams, other: ExecuteParams | StartRunParams
) -> None:
    """Versions that kept all fields kept them without those that have been added since."""
    with closing(await _kept(tmp_path / "store.db", hashlib.sha256(earlier.encode()).hexdigest())) as connection:
        assert _found(connection, params) == "target"
        with pytest.raises(InvalidRequest, match="other arguments"):
            _found(connection, other)
