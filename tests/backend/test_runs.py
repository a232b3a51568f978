"""The contract of runs: their states, their moves, what starting needs, and that a score is final."""

import anyio
import pytest
from backend_cases import BackendCase, OpenBackend
from greeting_scenario import GREETING_IS_RIGHT, contract, greeting, keep_secret, run_command, started

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError, InvalidRequest, InvalidState, NotFound
from runloop_mcp.api.models.run import RunListParams, RunState, StartRunParams


@pytest.mark.parametrize(
    ("working_directory", "metadata", "score"),
    [
        (None, None, 1.0),
        (None, {"scoring": "clean"}, 0.0),
        ("/home/user/work", None, 0.0),
        ("/home/user/work", {"scoring": "fork"}, 1.0),
    ],
)
async def test_a_scenario_that_names_no_place_is_scored_on_the_home(
    open_backend: OpenBackend, working_directory: str | None, metadata: dict[str, str] | None, score: float
) -> None:
    """Who creates one without a working directory may look for the answer anywhere in the solver's home."""
    there = contract(("there", 1.0, {"type": "command_scorer", "command": "grep -qx hello ~/greeting.txt"}))
    async with open_backend() as backend:
        params = greeting(scoring_contract=there, working_directory=working_directory, metadata=metadata)
        run = await started(backend, params)
        await run_command(backend, run, "echo hello > ~/greeting.txt")
        assert (await backend.runs.score(run.id)).score == score


async def test_a_solved_run_goes_from_running_to_scored_to_completed(open_backend: OpenBackend) -> None:
    """The main path: start, work, score 1.0, complete."""
    async with open_backend() as backend:
        run = await started(backend)
        assert (run.state, run.score) == (RunState.RUNNING, None)
        await run_command(backend, run, "echo hello > greeting.txt")
        scored = await backend.runs.score(run.id)
        assert (scored.state, scored.score) == (RunState.SCORED, 1.0)
        assert scored.scoring_contract_result is not None
        assert [f.scoring_function_name for f in scored.scoring_contract_result.scoring_function_results] == ["greets"]
        completed = await backend.runs.complete(run.id)
        assert (completed.state, completed.score) == (RunState.COMPLETED, 1.0)
        devbox = await backend.devboxes.retrieve(run.devbox_id)
        assert (devbox.status, devbox.shutdown_reason) == ("shutdown", "api_shutdown")


async def test_an_untouched_run_scores_zero(open_backend: OpenBackend) -> None:
    """A scorer that finds nothing gives 0.0, and the run is scored all the same."""
    async with open_backend() as backend:
        scored = await backend.runs.score((await started(backend)).id)
        assert (scored.state, scored.score) == (RunState.SCORED, 0.0)


async def test_a_score_is_final(open_backend: OpenBackend) -> None:
    """Work after scoring does not change the score, and scoring again answers with the stored result."""
    async with open_backend() as backend:
        run = await started(backend)
        first = await backend.runs.score(run.id)
        await run_command(backend, run, "echo hello > greeting.txt")
        again = await backend.runs.score(run.id)
        assert again.scoring_contract_result == first.scoring_contract_result
        assert again.score == 0.0


async def test_weights_give_partial_credit(open_backend: OpenBackend) -> None:
    """The score is the weighted sum of the functions' scores."""
    half = {"type": "bash_script_scorer", "bash_script": "echo score=0.5"}
    params = greeting(scoring_contract=contract(("greets", 0.75, GREETING_IS_RIGHT), ("half", 0.25, half)))
    async with open_backend() as backend:
        run = await started(backend, params)
        await run_command(backend, run, "echo hello > greeting.txt")
        assert (await backend.runs.score(run.id)).score == pytest.approx(0.875)


async def test_all_functions_right_is_exactly_one(open_backend: OpenBackend) -> None:
    """Weights that binary fractions can't hold still sum to exactly 1.0."""
    right = {"type": "command_scorer", "command": "true"}
    parts = contract(*((f"part-{n}", 0.1, right) for n in range(10)))
    params = greeting(scoring_contract=parts, metadata={"scoring": "live"})  # else each has a devbox of its own
    async with open_backend() as backend:
        assert (await backend.runs.score((await started(backend, params)).id)).score == 1.0


async def test_a_scorer_that_errs_does_not_stop_the_others(open_backend: OpenBackend) -> None:
    """An error is that function's final result, and the total says that it is not the last word."""
    broken = {"type": "bash_script_scorer", "bash_script": "echo nothing like a number"}
    params = greeting(
        scoring_contract=contract(
            ("broken", 0.5, broken), ("right", 0.5, {"type": "command_scorer", "command": "true"})
        )
    )
    async with open_backend() as backend:
        result = (await backend.runs.score((await started(backend, params)).id)).scoring_contract_result
        assert result is not None
        assert [(f.state, f.score) for f in result.scoring_function_results] == [("error", 0.0), ("complete", 1.0)]
        assert (result.score, result.x_complete) == (0.5, False)


async def test_a_scorer_may_not_take_for_ever(open_backend: OpenBackend) -> None:
    """Past the scenario's scorer time-out a function ends in error and keeps what it had printed."""
    endless = {"type": "bash_script_scorer", "bash_script": "echo began; sleep 1000"}
    params = greeting(scoring_contract=contract(("endless", 1.0, endless)), scorer_timeout_sec=1)
    async with open_backend() as backend:
        result = (await backend.runs.score((await started(backend, params)).id)).scoring_contract_result
        assert result is not None
        (function,) = result.scoring_function_results
        assert (function.state, function.score) == ("error", 0.0)
        assert "began" in function.output


@pytest.mark.parametrize("mode", ["clean", "fork", "live"])
async def test_every_mode_scores_the_working_directory(open_backend: OpenBackend, mode: str) -> None:
    """Whatever the mode, the solver's working directory is what is scored, and the result names the mode."""
    async with open_backend() as backend:
        run = await started(backend, greeting(metadata={"scoring": mode}))
        await run_command(backend, run, "echo hello > greeting.txt")
        scored = await backend.runs.score(run.id)
        assert scored.score == 1.0
        assert scored.x_runloop_mcp is not None
        assert scored.x_runloop_mcp.scoring_mode == mode


@pytest.mark.parametrize(("mode", "score"), [("clean", 0.0), ("fork", 1.0), ("live", 1.0)])
async def test_the_home_counts_only_where_the_mode_says_so(open_backend: OpenBackend, mode: str, score: float) -> None:
    """`clean` takes the working directory alone; `fork` and `live` have the solver's home as well."""
    looks_home = {"type": "command_scorer", "command": "test -f /home/user/planted"}
    params = greeting(scoring_contract=contract(("home", 1.0, looks_home)), metadata={"scoring": mode})
    async with open_backend() as backend:
        run = await started(backend, params)
        await run_command(backend, run, "touch ~/planted")
        assert (await backend.runs.score(run.id)).score == score


async def test_live_processes_are_scored_only_in_live_mode(open_backend: OpenBackend) -> None:
    """A service that the solver started is there for the scorer in `live` mode."""
    asks = {
        "type": "command_scorer",
        "command": "/usr/bin/python3 -Ic 'import socket; socket.create_connection((\"127.0.0.1\", 4567), 5)'",
    }
    params = greeting(scoring_contract=contract(("serves", 1.0, asks)), metadata={"scoring": "live"})
    serve = (
        "import socket; s = socket.create_server(('127.0.0.1', 4567)); open('ready', 'w').close();"
        " [s.accept() for _ in iter(int, 1)]"
    )
    async with open_backend() as backend:
        run = await started(backend, params)
        await run_command(
            backend,
            run,
            f'python3 -c "{serve}" > /dev/null 2>&1 & until [ -e ready ]; do sleep 0.01; done',
        )
        assert (await backend.runs.score(run.id)).score == 1.0


async def test_launch_commands_run_before_the_solver_and_are_in_the_pristine_environment(
    open_backend: OpenBackend,
) -> None:
    """What launch commands leave in the home is there for a clean score too."""
    looks = {"type": "command_scorer", "command": "test -f ~/set-up -a -f made"}
    params = greeting(
        scoring_contract=contract(("set-up", 1.0, looks)), launch_commands=["touch ~/set-up", "touch made"]
    )
    async with open_backend() as backend:
        run = await started(backend, params)
        assert (await run_command(backend, run, "ls")).stdout == "made\n"
        assert (await backend.runs.score(run.id)).score == 1.0


async def test_a_failing_launch_command_fails_the_run_with_its_output(open_backend: OpenBackend) -> None:
    """The run's notes and the devbox hold the command, its exit status and what it said."""
    params = greeting(launch_commands=["true", "echo the disk is full of bees >&2; exit 7", "touch never"])
    async with open_backend() as backend:
        run = await started(backend, params)
        run = await backend.runs.wait(run.id, leaving={RunState.RUNNING}, wait_seconds=20)
        assert run.state == RunState.FAILED
        assert run.x_runloop_mcp is not None
        note = "\n".join(run.x_runloop_mcp.notes)
        assert "2 of 3" in note
        assert "exit status 7" in note
        assert "full of bees" in note
        with pytest.raises(InvalidState):
            await backend.runs.score(run.id)


async def test_wrong_moves_say_the_state_and_what_is_possible(open_backend: OpenBackend) -> None:
    """Completing an unscored run, canceling a scored one and scoring a canceled one are refused with the way on."""
    async with open_backend() as backend:
        run = await started(backend)
        with pytest.raises(InvalidState, match=r"is running, .*can be worked on, scored or canceled"):
            await backend.runs.complete(run.id)
        await backend.runs.score(run.id)
        with pytest.raises(InvalidState, match=r"is scored, .*final"):
            await backend.runs.cancel(run.id)
        other = await started(backend)
        canceled = await backend.runs.cancel(other.id)
        assert (canceled.state, canceled.score) == (RunState.CANCELED, None)
        with pytest.raises(InvalidState, match=r"is canceled, .*start a new run"):
            await backend.runs.score(other.id)


async def test_repeating_an_end_is_harmless(open_backend: OpenBackend) -> None:
    """Completing a completed run and canceling a canceled one answer with the run."""
    async with open_backend() as backend:
        run = await started(backend)
        await backend.runs.score(run.id)
        first = await backend.runs.complete(run.id)
        assert (await backend.runs.complete(run.id)).model_dump() == first.model_dump()
        other = await started(backend)
        await backend.runs.cancel(other.id)
        assert (await backend.runs.cancel(other.id)).state == RunState.CANCELED


async def test_scoring_can_be_canceled(open_backend: OpenBackend) -> None:
    """Canceling a run that is scoring stops its scorers."""
    endless = {"type": "command_scorer", "command": "sleep 1000"}
    async with open_backend() as backend:
        run = await started(backend, greeting(scoring_contract=contract(("endless", 1.0, endless))))
        assert (await backend.runs.score(run.id, wait_seconds=0)).state == RunState.SCORING
        with anyio.fail_after(20):
            assert (await backend.runs.cancel(run.id)).state == RunState.CANCELED


async def test_the_same_key_starts_one_run(open_backend: OpenBackend) -> None:
    """A repeated start with its key gives the first run; the key with other arguments is refused."""
    async with open_backend() as backend:
        scenario = await backend.scenarios.create(greeting())
        params = StartRunParams(scenario_id=scenario.id)
        first = await backend.scenarios.start_run(params, idempotency_key="k")
        again = await backend.scenarios.start_run(params, idempotency_key="k")
        assert first.id == again.id
        with pytest.raises(InvalidRequest, match="other arguments"):
            await backend.scenarios.start_run(
                StartRunParams(scenario_id=scenario.id, run_name="other"), idempotency_key="k"
            )
        assert (await backend.runs.list(RunListParams(scenario_id=scenario.id))).total_count == 1


async def test_every_run_counts_as_an_attempt_of_its_principal(open_backend: OpenBackend, case: BackendCase) -> None:
    """Attempts are numbered by principal, canceled ones included, and a limit holds."""
    async with open_backend() as backend:
        scenario = await backend.scenarios.create(greeting(metadata={"max_attempts": "2"}))
        params = StartRunParams(scenario_id=scenario.id)
        first = await backend.scenarios.start_run(params)
        await backend.runs.cancel(first.id)
        second = await backend.scenarios.start_run(params)
        assert second.x_runloop_mcp is not None
        assert second.x_runloop_mcp.attempt == 2
        assert second.x_runloop_mcp.budget.attempts_left == 0
        with pytest.raises(InvalidState, match="attempts"):
            await backend.scenarios.start_run(params)
        if case.tells_principals_apart:
            elsewhere = await backend.scenarios.start_run(params, principal=Principal("someone-else"))
            assert elsewhere.x_runloop_mcp is not None
            assert elsewhere.x_runloop_mcp.attempt == 1


async def test_what_is_required_and_missing_is_named(open_backend: OpenBackend) -> None:
    """All missing variables and secrets are named at once, with the way to set them, and nothing is started."""
    params = greeting(
        required_environment_variables=["API_URL", "REGION"], required_secret_names=["DEPLOY_KEY", "NOT_THERE"]
    )
    expected = r"API_URL, REGION.*DEPLOY_KEY, NOT_THERE.*secrets NOT_THERE have no value.*secrets set NOT_THERE"
    async with open_backend() as backend:
        await keep_secret(backend, "DEPLOY_KEY", "s3cr3t-value")
        scenario = await backend.scenarios.create(params)
        with pytest.raises(InvalidRequest, match=expected):
            await backend.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        assert (await backend.runs.list(RunListParams(scenario_id=scenario.id))).total_count == 0


async def test_variables_and_secrets_reach_commands_and_scorers(open_backend: OpenBackend) -> None:
    """Values are in the environment of every command; the view names secrets and never holds their values."""
    checks = {"type": "command_scorer", "command": 'test "$REGION $KEY" = "north s3cr3t-value"'}
    params = greeting(
        scoring_contract=contract(("sees", 1.0, checks)),
        required_environment_variables=["REGION"],
        required_secret_names=["DEPLOY_KEY"],
    )
    async with open_backend() as backend:
        await keep_secret(backend, "DEPLOY_KEY", "s3cr3t-value")
        run = await started(backend, params, envVars={"REGION": "north"}, secrets={"KEY": "DEPLOY_KEY"})
        seen = await run_command(backend, run, 'echo "$REGION"; test "$KEY" = s3cr3t-value')
        assert (seen.stdout, seen.exit_status) == ("north\n", 0)
        scored = await backend.runs.score(run.id)
        assert scored.score == 1.0
        assert scored.secrets_provided == {"KEY": "DEPLOY_KEY"}
        assert "s3cr3t-value" not in scored.model_dump_json()


async def test_time_runs_out(open_backend: OpenBackend) -> None:
    """A run that is not scored in time ends in `timeout`, says so, and its devbox ends with it."""
    async with open_backend() as backend:
        run = await started(backend, greeting(keep_alive_seconds=1))
        ended = await backend.runs.wait(run.id, leaving={RunState.RUNNING}, wait_seconds=30)
        assert ended.state == RunState.TIMEOUT
        assert ended.x_runloop_mcp is not None
        assert any("time was over" in note for note in ended.x_runloop_mcp.notes)
        devbox = await backend.devboxes.wait(run.devbox_id, until={"shutdown"}, wait_seconds=20)
        assert devbox.shutdown_reason == "keep_alive_timeout"
        with pytest.raises(InvalidState, match=r"timeout|time"):
            await run_command(backend, run, "true")


async def test_runs_are_listed_newest_first_in_pages(open_backend: OpenBackend) -> None:
    """Walking the pages gives every run once; filters are combined."""
    async with open_backend() as backend:
        scenario = await backend.scenarios.create(greeting())
        ids = [
            (await backend.scenarios.start_run(StartRunParams(scenario_id=scenario.id, run_name=f"run-{n % 2}"))).id
            for n in range(5)
        ]
        walked: list[str] = []
        page = await backend.runs.list(RunListParams(limit=2))
        while True:
            walked += [run.id for run in page.items]
            assert page.total_count == 5
            if not page.has_more:
                break
            page = await backend.runs.list(RunListParams(limit=2, starting_after=walked[-1]))
        assert walked == ids[::-1]
        await backend.runs.cancel(ids[0])
        named = await backend.runs.list(RunListParams(name="run-0", state="running"))
        assert [run.id for run in named.items] == [ids[4], ids[2]]
        with pytest.raises(InvalidRequest, match="running, scoring"):
            await backend.runs.list(RunListParams(state="flying"))


async def test_the_runs_of_one_principal_are_listed_alone(open_backend: OpenBackend) -> None:
    """Neither counted nor paged with those of others; a page that goes on goes on among its own."""
    ann, bob = Principal("ann"), Principal("bob")
    async with open_backend() as backend:
        scenario = await backend.scenarios.create(greeting())
        params = StartRunParams(scenario_id=scenario.id)
        ids = [
            (await backend.scenarios.start_run(params, principal=principal)).id for principal in (ann, bob, ann, bob)
        ]
        first = await backend.runs.list(RunListParams(limit=1), principal=ann)
        assert ([run.id for run in first.items], first.has_more, first.total_count) == ([ids[2]], True, 2)
        rest = await backend.runs.list(RunListParams(limit=5, starting_after=ids[2]), principal=ann)
        assert ([run.id for run in rest.items], rest.has_more) == ([ids[0]], False)
        assert (await backend.runs.list(RunListParams(), principal=Principal("eve"))).total_count == 0
        assert (await backend.runs.list(RunListParams())).total_count == 4


async def test_what_is_not_there_is_not_found(open_backend: OpenBackend) -> None:
    """Every call on an unknown id answers NotFound."""
    async with open_backend() as backend:
        for call in (
            backend.runs.retrieve("scr_none"),
            backend.runs.score("scr_none"),
            backend.runs.complete("scr_none"),
            backend.runs.cancel("scr_none"),
            backend.scenarios.start_run(StartRunParams(scenario_id="scn_none")),
            backend.devboxes.retrieve("dbx_none"),
        ):
            with pytest.raises(NotFound):
                await call


async def test_many_runs_side_by_side_keep_apart(open_backend: OpenBackend, full_size: bool) -> None:
    """Of several runs at once each gets its own devbox and its own score."""
    many = 10 if full_size else 4

    async def play(backend: Backend, scenario_id: str, *, solve: bool, scores: list[tuple[bool, float | None]]) -> None:
        run = await backend.scenarios.start_run(StartRunParams(scenario_id=scenario_id))
        await run_command(backend, run, "echo hello > greeting.txt" if solve else "true")
        scores.append((solve, (await backend.runs.score(run.id)).score))
        await backend.runs.complete(run.id)

    async with open_backend() as backend:
        scenario = await backend.scenarios.create(greeting())
        scores: list[tuple[bool, float | None]] = []
        async with anyio.create_task_group() as tasks:
            for number in range(many):
                solve = number % 2 == 0
                tasks.start_soon(lambda solve=solve: play(backend, scenario.id, solve=solve, scores=scores))
        assert len(scores) == many
        assert all(score == (1.0 if solve else 0.0) for solve, score in scores)


async def test_wrong_moves_are_errors_of_the_tree(open_backend: OpenBackend) -> None:
    """Whatever is asked in a wrong state, the error is one of ours with a hint."""
    async with open_backend() as backend:
        run = await started(backend)
        await backend.runs.cancel(run.id)
        for call in (backend.runs.score(run.id), backend.runs.complete(run.id), run_command(backend, run, "true")):
            with pytest.raises(ApiError) as caught:
                await call
            assert caught.value.hint


async def test_a_run_can_be_canceled_while_its_devbox_boots(open_backend: OpenBackend) -> None:
    """The boot is given up: the devbox does not come up after its run has ended."""
    async with open_backend() as backend:
        scenario = await backend.scenarios.create(greeting(launch_commands=["sleep 1000"]))
        run = await backend.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        with anyio.fail_after(20):
            assert (await backend.runs.cancel(run.id)).state == RunState.CANCELED
        assert (await backend.devboxes.retrieve(run.devbox_id)).status == "shutdown"
        with pytest.raises(InvalidState, match="canceled"):
            await run_command(backend, run, "true")
