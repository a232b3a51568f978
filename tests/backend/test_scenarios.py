"""The contract of scenarios: kept, found, changed, archived."""

import pytest
from backend_cases import OpenBackend
from greeting_scenario import GREETING_IS_RIGHT, contract, greeting, run_command, started

from runloop_mcp.api.errors import InvalidRequest, InvalidState, NotFound, Unavailable
from runloop_mcp.api.models.run import StartRunParams
from runloop_mcp.api.models.scenario import ScenarioListParams, ScenarioUpdateParams


async def test_a_scenario_is_kept_as_it_was_given(open_backend: OpenBackend) -> None:
    """What was created is retrieved, also by another opening of the same state."""
    async with open_backend() as backend:
        created = await backend.scenarios.create(greeting(metadata={"tags": "files,easy", "summary": "Says hello"}))
    async with open_backend() as backend:
        kept = await backend.scenarios.retrieve(created.id)
    assert kept.model_dump() == created.model_dump()
    assert kept.input_context.problem_statement == "Write hello into greeting.txt."
    assert kept.reference_output == "echo hello > greeting.txt"
    assert kept.id.startswith("scn_")


async def test_weights_must_sum_to_one(open_backend: OpenBackend) -> None:
    """The error says the sum."""
    async with open_backend() as backend:
        with pytest.raises(InvalidRequest, match=r"0\.9"):
            await backend.scenarios.create(
                greeting(scoring_contract=contract(("a", 0.4, GREETING_IS_RIGHT), ("b", 0.5, GREETING_IS_RIGHT)))
            )


@pytest.mark.parametrize(
    ("metadata", "named"),
    [({"scoring": "dirty"}, "clean"), ({"disclosure": "all"}, "sealed"), ({"max_attempts": "many"}, "max_attempts")],
)
async def test_choices_are_checked(open_backend: OpenBackend, metadata: dict[str, str], named: str) -> None:
    """A metadata key of ours with a value that is none is refused with those that are."""
    async with open_backend() as backend:
        with pytest.raises(InvalidRequest, match=named):
            await backend.scenarios.create(greeting(metadata=metadata))


async def test_pages_and_filters(open_backend: OpenBackend) -> None:
    """Pages give every scenario once, newest first; search and tags narrow the list."""
    async with open_backend() as backend:
        ids = [
            (await backend.scenarios.create(greeting(name=f"case-{n}", metadata={"tags": f"t{n % 2}"}))).id
            for n in range(5)
        ]
        params = ScenarioListParams(search="case", limit=2)
        first = await backend.scenarios.list(params)
        assert ([s.id for s in first.items], first.total_count, first.has_more) == (ids[:2:-1], 5, True)
        walked = [s.id for s in first.items]
        while len(walked) < 5:
            page = await backend.scenarios.list(params.model_copy(update={"starting_after": walked[-1]}))
            walked += [s.id for s in page.items]
        assert walked == ids[::-1]
        tagged = await backend.scenarios.list(ScenarioListParams(search="case", tags=["t1"]))
        assert [s.id for s in tagged.items] == [ids[3], ids[1]]
        named = await backend.scenarios.list(ScenarioListParams(name="case-4"))
        assert [s.id for s in named.items] == [ids[4]]


async def test_a_scenario_whose_programs_are_missing_is_marked_and_not_started(open_backend: OpenBackend) -> None:
    """Lists and the scenario itself name the programs that devboxes lack; one that has all of them is not marked."""
    async with open_backend() as backend:
        lacking = await backend.scenarios.create(greeting(name="a", metadata={"requires": "bash, no-such-1,no-such-2"}))
        having = await backend.scenarios.create(greeting(name="b", metadata={"requires": "bash"}))
        listed = {each.id: each for each in (await backend.scenarios.list(ScenarioListParams(limit=100))).items}
        assert listed[lacking.id].x_missing_programs == ["no-such-1", "no-such-2"]
        assert listed[having.id].x_missing_programs is None
        assert await backend.scenarios.retrieve(lacking.id) == listed[lacking.id]
        with pytest.raises(Unavailable, match="no-such-1, no-such-2"):
            await backend.scenarios.start_run(StartRunParams(scenario_id=lacking.id))


async def test_an_update_replaces_what_is_given(open_backend: OpenBackend) -> None:
    """Absent keeps, given replaces whole, and a run that has started keeps what it started from."""
    async with open_backend() as backend:
        run = await started(backend)
        await run_command(backend, run, "echo hello > greeting.txt")
        changed = await backend.scenarios.update(
            run.scenario_id,
            ScenarioUpdateParams(
                name="renamed",
                scoring_contract=contract(("never", 1.0, {"type": "command_scorer", "command": "false"})),
            ),
        )
        assert changed.name == "renamed"
        assert changed.input_context.problem_statement == "Write hello into greeting.txt."
        assert (await backend.runs.score(run.id)).score == 1.0
        with pytest.raises(InvalidRequest, match="name"):
            await backend.scenarios.update(run.scenario_id, ScenarioUpdateParams(name=" "))


async def test_an_archived_scenario_is_not_started(open_backend: OpenBackend) -> None:
    """It leaves the list, stays retrievable, and its runs go on."""
    async with open_backend() as backend:
        run = await started(backend)
        archived = await backend.scenarios.archive(run.scenario_id)
        assert archived.status == "archived"
        assert run.scenario_id not in {s.id for s in (await backend.scenarios.list(ScenarioListParams())).items}
        with pytest.raises(InvalidState, match="archived"):
            await backend.scenarios.start_run(StartRunParams(scenario_id=run.scenario_id))
        assert (await run_command(backend, run, "true")).exit_status == 0
        with pytest.raises(NotFound):
            await backend.scenarios.archive("scn_none")


async def test_an_archived_scenario_can_be_brought_back(open_backend: OpenBackend) -> None:
    """It is in lists and can be started again; one that was never archived is as it was."""
    async with open_backend() as backend:
        scenario = await backend.scenarios.create(greeting())
        assert await backend.scenarios.unarchive(scenario.id) == scenario
        await backend.scenarios.archive(scenario.id)
        assert (await backend.scenarios.unarchive(scenario.id)).status == "active"
        assert [s.id for s in (await backend.scenarios.list(ScenarioListParams())).items] == [scenario.id]
        await backend.scenarios.start_run(StartRunParams(scenario_id=scenario.id))
        with pytest.raises(NotFound):
            await backend.scenarios.unarchive("scn_none")


async def test_the_same_key_makes_one_scenario(open_backend: OpenBackend) -> None:
    """A request that comes again gets the scenario that it made, as it is now; with other arguments it is refused."""
    async with open_backend() as backend:
        first = await backend.scenarios.create(greeting(), idempotency_key="key")
        assert await backend.scenarios.create(greeting(), idempotency_key="key") == first
        assert (await backend.scenarios.create(greeting(), idempotency_key="other")).id != first.id
        assert (await backend.scenarios.list(ScenarioListParams())).total_count == 2
        with pytest.raises(InvalidRequest, match="key"):
            await backend.scenarios.create(greeting(name="other"), idempotency_key="key")


async def test_scenarios_of_ones_own_are_not_public(open_backend: OpenBackend) -> None:
    """Lists of public scenarios are without them, lists of others have them."""
    async with open_backend() as backend:
        made = await backend.scenarios.create(greeting())
        assert made.is_public is False
        assert (await backend.scenarios.list(ScenarioListParams(is_public=True))).items == []
        assert [s.id for s in (await backend.scenarios.list(ScenarioListParams(is_public=False))).items] == [made.id]


@pytest.mark.parametrize("directory", ["relative/path", "/usr/share/work", "/proc/1", "/"])
async def test_an_impossible_working_directory_is_named(open_backend: OpenBackend, directory: str) -> None:
    """A working directory that no devbox can have is refused when the scenario is created."""
    async with open_backend() as backend:
        with pytest.raises(InvalidRequest, match=directory):
            await backend.scenarios.create(greeting(working_directory=directory))


@pytest.mark.parametrize(
    ("launch", "told"),
    [
        ({"resource_size_request": "HUGE"}, r"launch_parameters\.resource_size_request: 'HUGE' .*X_SMALL.*CUSTOM_SIZE"),
        ({"custom_cpu_cores": 2}, r"launch_parameters\.custom_cpu_cores: needs resource_size_request"),
        ({"resource_size_request": "LARGE", "custom_disk_size": 2}, r"custom_disk_size: needs resource_size_request"),
        (
            {"resource_size_request": "CUSTOM_SIZE", "custom_cpu_cores": 3},
            "custom_cpu_cores: 3 must be 0.5, 1 or a mult",
        ),
        ({"resource_size_request": "CUSTOM_SIZE", "custom_cpu_cores": 18}, "custom_cpu_cores: 18 .* up to 16"),
        (
            {"resource_size_request": "CUSTOM_SIZE", "custom_gb_memory": 0},
            "custom_gb_memory: 0 must be 1 or a multiple",
        ),
        ({"resource_size_request": "CUSTOM_SIZE", "custom_gb_memory": 66}, "custom_gb_memory: 66 .* up to 64"),
        ({"resource_size_request": "CUSTOM_SIZE", "custom_disk_size": 65}, "custom_disk_size: 65 .* from 2 to 64"),
        ({"resource_size_request": "CUSTOM_SIZE", "custom_gb_memory": 16}, "1 CPU need 2 to 8 GiB .* and have 16"),
        ({"resource_size_request": "CUSTOM_SIZE", "custom_cpu_cores": 4}, "custom_cpu_cores: 4 CPU need 8 to 32 GiB"),
        ({"user_parameters": {"uid": 0, "username": "root"}}, r"user_parameters\.uid: .*no root.*username: .*no root"),
        ({"user_parameters": {"uid": 1000, "username": "a b"}}, r"user_parameters\.username: 'a b' must be"),
        ({"user_parameters": {"uid": 65534, "username": "user"}}, r"user_parameters\.uid: 65534 must be"),
        ({"after_idle": {"idle_time_seconds": 5, "on_idle": "sleep"}}, r"after_idle\.on_idle: 'sleep' must be one of"),
        (
            {"lifecycle": {"after_idle": {"idle_time_seconds": 5, "on_idle": "x"}}},
            r"lifecycle\.after_idle\.on_idle: 'x' must be one of shutdown, suspend",
        ),
    ],
)
async def test_launch_parameters_that_cannot_be_are_named_with_their_rule(
    open_backend: OpenBackend, launch: dict[str, object], told: str
) -> None:
    """A scenario with them is not kept; the message names the field and what is valid."""
    async with open_backend() as backend:
        with pytest.raises(InvalidRequest, match=told):
            await backend.scenarios.create(greeting(**launch))


async def test_launch_parameters_at_the_edges_are_kept(open_backend: OpenBackend) -> None:
    """Each size by name, and custom ones within the rules, are valid and shown as they were given."""
    custom = [(0.5, 1, 2), (0.5, 4, 64), (1, 8, 2), (16, 32, 16), (8, 64, 4), (2, 4, None), (None, 4, None)]
    sizes: list[dict[str, object]] = [
        {"resource_size_request": name}
        for name in ("X_SMALL", "SMALL", "MEDIUM", "LARGE", "X_LARGE", "XX_LARGE", "CUSTOM_SIZE")
    ]
    for cpus, memory, disk in custom:
        given = {"custom_cpu_cores": cpus, "custom_gb_memory": memory, "custom_disk_size": disk}
        sizes.append({"resource_size_request": "CUSTOM_SIZE", **{k: v for k, v in given.items() if v is not None}})
    async with open_backend() as backend:
        for launch in sizes:
            scenario = await backend.scenarios.create(greeting(**launch))
            assert scenario.environment is not None
            assert scenario.environment.launch_parameters is not None
            kept = scenario.environment.launch_parameters.model_dump(exclude_none=True)
            assert kept == launch
