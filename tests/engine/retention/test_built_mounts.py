"""What mounts that need a network are built into: kept for as long as it may be needed."""

from pathlib import Path

from code_host import repositories
from state_directory import engine_on

from runloop_mcp.api.models.devbox import DevboxCreateParams, DevboxStatus, ExecuteParams
from runloop_mcp.engine.backend import EmbeddedEngine
from runloop_mcp.engine.retention.plan import What

_SETTLED = {DevboxStatus.RUNNING, DevboxStatus.FAILURE}
_CODE = {"type": "code_mount", "repo_owner": "them", "repo_name": "tool"}


async def _made(engine: EmbeddedEngine, mount: dict[str, object]) -> str:
    made = await engine.devboxes.create(DevboxCreateParams.model_validate({"mounts": [mount]}))
    assert (await engine.devboxes.wait(made.id, until=_SETTLED, wait_seconds=30)).status == DevboxStatus.RUNNING
    return made.id


async def test_what_is_built_for_one_devbox_goes_with_it(state: Path) -> None:
    """What a commit was built into stays for the next one that mounts it; the rest stays with its devbox alone."""
    with repositories(state / "host", guarded=False) as host:
        async with engine_on(state, code_host=host) as engine:
            of_branch = await _made(engine, _CODE)
            asked = ExecuteParams(command="git -C ~/tool rev-parse HEAD", working_directory="~")
            commit = (await engine.devboxes.execute(of_branch, asked)).stdout or ""
            of_commit = await _made(engine, {**_CODE, "git_ref": commit.strip()})
            assert (await engine.collect()).removals == []
            for devbox_id in (of_branch, of_commit):
                await engine.devboxes.suspend(devbox_id)
                assert (await engine.devboxes.execute(devbox_id, asked)).stdout == commit
                await engine.devboxes.shutdown(devbox_id)
            gone = await engine.collect()
            assert [each.what for each in gone.removals] == [What.SNAPSHOT]
            again = await _made(engine, {**_CODE, "git_ref": commit.strip()})
            log = (await engine.devboxes.logs(again)).logs
            assert any("reused" in (line.message or "") for line in log)
