"""The backend of a server on stdio is opened behind the server's first answers."""

from pathlib import Path

import pytest

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import NotFound, Unavailable
from runloop_mcp.api.models.scenario import ScenarioListParams
from runloop_mcp.cli.late_backend import LateBackend
from runloop_mcp.cli.settings import Settings
from runloop_mcp.cli.wiring import backend_for

_NEVER = 3600


def _backend(state: Path) -> Backend:
    return backend_for(Settings(state_dir=state))


async def test_opened_at_first_use(tmp_path: Path) -> None:
    """Nothing is made before it is used; then it is the backend, with its errors."""
    async with LateBackend(lambda: _backend(tmp_path / "state"), head_start_seconds=_NEVER) as late:
        assert not (tmp_path / "state").exists()
        assert (await late.scenarios.list(ScenarioListParams())).items
        assert (tmp_path / "state").exists()
        with pytest.raises(NotFound):
            await late.runs.retrieve("scr_000000000000000000000")


async def test_opened_without_use_when_its_time_has_come(tmp_path: Path) -> None:
    """It is opened in any case, as what an earlier server left has to be looked after."""
    async with LateBackend(lambda: _backend(tmp_path / "state"), head_start_seconds=0) as late:
        opened = await late.opened()
        assert (await opened.scenarios.list(ScenarioListParams())).items


async def test_never_opened_where_the_client_goes_at_once(tmp_path: Path) -> None:
    """A client that leaves before it used anything leaves nothing behind."""
    async with LateBackend(lambda: _backend(tmp_path / "state"), head_start_seconds=_NEVER):
        pass
    assert not (tmp_path / "state").exists()


async def test_failure_to_open_ends_its_block() -> None:
    """What can't be opened ends the server, with the reason."""

    def make() -> Backend:
        raise Unavailable("There is no disk.")

    with pytest.RaisesGroup(Unavailable, flatten_subgroups=True):
        async with LateBackend(make, head_start_seconds=_NEVER) as late:
            await late.scenarios.list(ScenarioListParams())
