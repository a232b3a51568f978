"""The contract of secrets: values go in, reach the runs that bind them, and never come out."""

import anyio
import anyio.lowlevel
import pytest
from backend_cases import OpenBackend
from greeting_scenario import contract, greeting, keep_secret, run_command, started
from pydantic import SecretStr

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError, InvalidRequest, NotFound
from runloop_mcp.api.models.base import PageParams
from runloop_mcp.api.models.devbox import ExecuteParams, ExecutionStatus, OutputStream
from runloop_mcp.api.models.run import RunState, ScenarioRunView
from runloop_mcp.api.models.secret import SecretUpdateParams

VALUE = "hush-4711-hush"
PROVIDED = {"KEY": "DEPLOY_KEY"}


async def _with_secret(backend: Backend, **scenario: object) -> ScenarioRunView:
    await keep_secret(backend, "DEPLOY_KEY", VALUE)
    return await started(backend, greeting(**scenario), secrets=PROVIDED)  # type: ignore[arg-type] # fields of many types


async def test_a_secret_is_kept_found_changed_and_deleted(open_backend: OpenBackend) -> None:
    """Each step answers with name, id and times; it is found by name and by id, also by another server."""
    async with open_backend() as backend:
        made = await keep_secret(backend, "DEPLOY_KEY", VALUE)
        assert (made.name, made.id[:4], len(made.id)) == ("DEPLOY_KEY", "sec_", 25)
        assert made.create_time_ms == made.update_time_ms
        async with open_backend() as other:
            assert await other.secrets.retrieve("DEPLOY_KEY") == await other.secrets.retrieve(made.id) == made
            changed = await other.secrets.update(made.id, SecretUpdateParams(value=SecretStr("another-value")))
        assert (changed.id, changed.create_time_ms) == (made.id, made.create_time_ms)
        assert changed.update_time_ms > made.update_time_ms
        assert (await backend.secrets.list(PageParams())).items == [changed]
        assert await backend.secrets.delete("DEPLOY_KEY") == changed
        assert (await backend.secrets.list(PageParams())).total_count == 0
        for call in (
            backend.secrets.retrieve("DEPLOY_KEY"),
            backend.secrets.delete(made.id),
            backend.secrets.update("DEPLOY_KEY", SecretUpdateParams(value=SecretStr(VALUE))),
        ):
            with pytest.raises(NotFound):
                await call


async def test_secrets_are_listed_newest_first_in_pages(open_backend: OpenBackend) -> None:
    """Walking the pages gives every secret once."""
    async with open_backend() as backend:
        made = [await keep_secret(backend, f"KEY_{number}", VALUE) for number in range(5)]
        page = await backend.secrets.list(PageParams(limit=2))
        walked = list(page.items)
        while page.has_more:
            page = await backend.secrets.list(PageParams(limit=2, starting_after=walked[-1].id))
            walked += page.items
        assert walked == made[::-1]
        assert page.total_count == 5
        with pytest.raises(InvalidRequest):
            await backend.secrets.list(PageParams(starting_after="sec_none"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAKEN", VALUE),
        ("", VALUE),
        ("1ST", VALUE),
        ("a-b", VALUE),
        ("A=hush-4711-hush", "x"),
        ("ÄRGER", VALUE),
        ("sec_000000000000000000000", VALUE),
        ("GOOD", "abc"),
        ("GOOD", "hush\0hush"),
        ("GOOD", "hush-4711-hush" * 3_000),
        ("GOOD", "hush-4711-hush\ud800"),
    ],
)
async def test_what_can_be_no_secret_is_refused_without_repeating_it(
    open_backend: OpenBackend, name: str, value: str
) -> None:
    """A name that is taken or not one of a variable, and a value that no variable can have, are refused."""
    async with open_backend() as backend:
        await keep_secret(backend, "TAKEN", "first-value")
        with pytest.raises(InvalidRequest) as caught:
            await keep_secret(backend, name, value)
        assert caught.value.hint
        assert "hush" not in str(caught.value)
        assert [secret.name for secret in (await backend.secrets.list(PageParams())).items] == ["TAKEN"]


async def test_a_new_value_reaches_the_next_run(open_backend: OpenBackend) -> None:
    """A run has the value that its secret had when its devbox booted."""
    async with open_backend() as backend:
        first = await _with_secret(backend)
        await backend.secrets.update("DEPLOY_KEY", SecretUpdateParams(value=SecretStr("second-value")))
        second = await started(backend, greeting(), secrets=PROVIDED)
        for run, value in ((first, VALUE), (second, "second-value")):
            assert (await run_command(backend, run, f'test "$KEY" = {value}')).exit_status == 0


async def test_a_value_is_covered_in_all_output_that_is_shown(open_backend: OpenBackend) -> None:
    """Views, ranges of any size and searches show as many bytes as there are, and none of the value's."""
    async with open_backend() as backend:
        run = await _with_secret(backend)
        shown = "[DEPLOY_KEY**]"
        execution = await run_command(backend, run, f'echo "a $KEY b$KEY$KEY"; echo "$KEY!" >&2; : {VALUE}')
        assert execution.stdout == f"a {shown} b{shown}{shown}\n"
        assert execution.stderr == f"{shown}!\n"
        assert VALUE not in execution.model_dump_json()
        again = await backend.devboxes.execution(run.devbox_id, execution.execution_id)
        assert again.stdout == execution.stdout
        for limit in (1, 3, 7, 14, 15, 100):
            offset, parts = 0, []
            while True:
                part = await backend.devboxes.read_output(
                    run.devbox_id, execution.execution_id, OutputStream.STDOUT, offset=offset, limit=limit
                )
                parts.append(part.text)
                offset = part.next_offset
                if offset >= part.total_bytes:
                    break
            assert "".join(parts) == execution.stdout
        found = await backend.devboxes.search_output(
            run.devbox_id, execution.execution_id, OutputStream.STDOUT, r"^a \[DEPLOY_KEY\*\*\] b"
        )
        assert [match.text for match in found.matches] == [execution.stdout.rstrip()]
        assert not (
            await backend.devboxes.search_output(run.devbox_id, execution.execution_id, OutputStream.STDOUT, "hush")
        ).matches


async def test_a_value_that_is_half_written_is_not_shown_yet(open_backend: OpenBackend) -> None:
    """A reader who follows a running command gets neither half of a value that is written in two."""
    half = len(VALUE) // 2
    script = f'printf "x${{KEY:0:{half}}}"; touch half; until [ -e go ]; do sleep 0.01; done; printf "${{KEY:{half}}}y"'
    async with open_backend() as backend:
        run = await _with_secret(backend)
        left = await backend.devboxes.execute(run.devbox_id, ExecuteParams(command=script), wait_seconds=0)
        await run_command(backend, run, "until [ -e half ]; do sleep 0.01; done")
        place = (run.devbox_id, left.execution_id, OutputStream.STDOUT)
        with anyio.fail_after(20):
            while (part := await backend.devboxes.read_output(*place)).total_bytes <= half:
                await anyio.lowlevel.checkpoint()
        view = await backend.devboxes.execution(run.devbox_id, left.execution_id)
        assert (view.status, view.stdout, part.text, part.next_offset) == (ExecutionStatus.RUNNING, "x", "x", 1)
        await run_command(backend, run, "touch go")
        await backend.devboxes.execution(run.devbox_id, left.execution_id, wait_seconds=20)
        rest = await backend.devboxes.read_output(*place, offset=part.next_offset)
        assert rest.text == "[DEPLOY_KEY**]y"


async def test_scorers_have_the_value_and_their_output_does_not(open_backend: OpenBackend) -> None:
    """What a scorer prints is part of the result, which names the secret in place of its value."""
    prints = {"type": "bash_script_scorer", "bash_script": 'echo "with $KEY"; echo score=1.0'}
    async with open_backend() as backend:
        run = await _with_secret(backend, scoring_contract=contract(("prints", 1.0, prints)))
        scored = await backend.runs.score(run.id)
        assert scored.scoring_contract_result is not None
        (function,) = scored.scoring_contract_result.scoring_function_results
        assert "with [secret DEPLOY_KEY]" in function.output
        assert VALUE not in scored.model_dump_json()


async def test_a_failed_launch_names_the_secret_in_place_of_its_value(open_backend: OpenBackend) -> None:
    """The reason of a failure is kept with the run and told by every error about it."""
    async with open_backend() as backend:
        run = await _with_secret(backend, launch_commands=['echo "no entry with $KEY"; exit 3'])
        box = await backend.devboxes.retrieve(run.devbox_id)
        run = await backend.runs.wait(run.id, leaving={RunState.RUNNING}, wait_seconds=20)
        with pytest.raises(ApiError) as caught:
            await run_command(backend, run, "true")
        told = run.model_dump_json() + box.model_dump_json() + str(caught.value)
        assert "no entry with [secret DEPLOY_KEY]" in told
        assert VALUE not in told
