"""Callers who may not see everything: bound to one run, or solvers among others."""

import time
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError
from mcp_agent import Serve, scenario_folder
from mcp_types import PromptReference, ResourceTemplateReference, TextContent

from runloop_mcp.access import run_ends
from runloop_mcp.access.keyring import open_keyring
from runloop_mcp.access.run_ends import EndingWithRuns
from runloop_mcp.api.access import LOCAL_OPERATOR, Principal, Role
from runloop_mcp.api.errors import Unauthorized
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.server.surface import surface

_ON_RUNS: tuple[tuple[str, dict[str, str]], ...] = (
    ("get_run", {}),
    ("exec_on_devbox", {"command": "true"}),
    ("get_execution", {"execution_id": "exe_x"}),
    ("read_file", {"path": "README.md"}),
    ("write_file", {"path": "a", "content": "x"}),
    ("edit_file", {"path": "README.md", "old_string": "a", "new_string": "b"}),
    ("score_run", {}),
    ("get_score", {}),
    ("complete_run", {}),
    ("cancel_run", {}),
)


async def test_a_caller_bound_to_a_run_reaches_no_other(tmp_path: Path, serve: Serve) -> None:
    """Not by any tool, list or resource; nor can it start one."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as operator:
        own, other = [await operator.run_of("answer") for _ in range(2)]
        await operator.call("exec_on_devbox", run_id=other, command="true")
    bound = Principal("agent", Role.SOLVER, run_id=own)
    async with serve(pack, principal=bound) as solver:
        listed = (await solver.call("list_runs")).structured
        assert ([run["run_id"] for run in listed["runs"]], listed["total"]) == ([own], 1)
        assert "Exit status 0" in (await solver.call("exec_on_devbox", run_id=own, command="true")).text
        for tool, arguments in _ON_RUNS:
            assert own in await solver.refused(tool, run_id=other, **arguments)
        assert own in await solver.refused("start_run", scenario_id="answer")


async def test_a_caller_bound_to_a_run_is_offered_what_works_for_it(tmp_path: Path, serve: Serve) -> None:
    """No tool that starts runs, and of all scenarios its run's: in lists, tools, resources, completions and prompts."""
    pack = scenario_folder(scenario_folder(tmp_path / "pack", "answer"), "other")
    async with serve(pack) as operator:
        own = await operator.run_of("answer")
        listed = (await operator.call("list_scenarios")).structured["scenarios"]
        ids = {each["name"]: each["scenario_id"] for each in listed}
        everything = [tool.name for tool in (await operator.client.list_tools()).tools]
    async with serve(pack, principal=Principal("agent", Role.SOLVER, run_id=own)) as solver:
        tools = [tool.name for tool in (await solver.client.list_tools()).tools]
        assert tools == [name for name in everything if name != "start_run"]
        assert own in (solver.client.instructions or "")
        assert "start_run" not in (solver.client.instructions or "")
        found = (await solver.call("list_scenarios", query="other")).structured
        assert ([each["name"] for each in found["scenarios"]], found["total"]) == (["answer"], 1)
        assert "Write 42" in (await solver.call("get_scenario", scenario_id="answer")).text
        for named in ("other", ids["other"]):
            assert ids["answer"] in await solver.refused("get_scenario", scenario_id=named)
        assert ids["other"] not in await solver.read("runloop://scenarios")
        resources = (await solver.client.list_resources()).resources
        assert [str(resource.uri) for resource in resources] == [
            "runloop://scenarios",
            f"runloop://scenarios/{ids['answer']}/problem",
        ]
        offered = await solver.client.complete(
            PromptReference(type="ref/prompt", name="solve_scenario"), {"name": "scenario_id", "value": ""}
        )
        assert offered.completion.values == ["answer", ids["answer"]]
        prompt = await solver.client.get_prompt("solve_scenario", {"scenario_id": "answer"})
        (message,) = prompt.messages
        assert isinstance(message.content, TextContent)
        assert own in message.content.text
        assert "start_run" not in message.content.text.partition("# ")[0]


async def test_a_solver_sees_its_own_runs_only(tmp_path: Path, serve: Serve) -> None:
    """Runs of other principals are neither listed nor counted nor found."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as operator:
        other = await operator.run_of("answer")
        await operator.call("cancel_run", run_id=other)
    async with serve(pack, principal=Principal("agent", Role.SOLVER)) as solver:
        own = (await solver.call("start_run", scenario_id="answer")).found(r"scr_\w+")
        listed = (await solver.call("list_runs")).structured
        assert ([run["run_id"] for run in listed["runs"]], listed["total"]) == ([own], 1)
        assert "no such run" in await solver.refused("get_score", run_id=other)


@pytest.mark.parametrize("role", Role)
async def test_what_is_not_there_and_what_is_another_s_is_answered_alike(
    tmp_path: Path, serve: Serve, role: Role
) -> None:
    """By every tool, resource and cursor: nobody learns which runs exist, an operator with a key as little."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as operator:
        other = await operator.run_of("answer")
    unknown = "scr_" + "x" * (len(other) - 4)
    async with serve(pack, principal=Principal("key:1", role)) as solver:
        for tool, arguments in _ON_RUNS:
            assert await solver.refused(tool, run_id=other, **arguments) == await solver.refused(
                tool, run_id=unknown, **arguments
            )
        assert await solver.refused("list_runs", cursor=other) == await solver.refused("list_runs", cursor=unknown)
        assert (await solver.call("list_runs")).structured["total"] == 0
        for end in ("", "/score", "/log", "/log/3", "/executions/exe_1/stdout"):
            errors = []
            for run in (other, unknown):
                with pytest.raises(MCPError) as refused:
                    await solver.read(f"runloop://runs/{run}{end}")
                errors.append(str(refused.value).replace(run, "RUN"))
            assert errors[0] == errors[1]
        offered = await solver.client.complete(
            ResourceTemplateReference(type="ref/resource", uri="runloop://runs/{run_id}"),
            {"name": "run_id", "value": "scr_"},
        )
        assert offered.completion.values == []


async def test_the_benchmark_runs_of_others_are_not_there(tmp_path: Path, serve: Serve) -> None:
    """Solvers neither find, list, end nor join them, and make no benchmarks; one bound to a run knows of none."""
    pack = scenario_folder(scenario_folder(tmp_path / "pack", "answer"), "other")
    offered = surface(["core", "benchmark"])
    async with serve(pack, surface=offered) as operator:
        made = await operator.call("create_benchmark", name="both", scenario_ids=["answer", "other"])
        whole = (await operator.call("start_benchmark_run", benchmark_id="both")).found(r"bmr_\w+")
        run = await operator.run_of("answer", benchmark_run_id=whole)
    benchmark, unknown = made.found(r"bmd_\w+"), "bmr_" + "x" * (len(whole) - 4)
    async with serve(pack, surface=offered, principal=Principal("key:1", Role.SOLVER)) as solver:
        assert (await solver.call("list_benchmark_runs")).structured["total"] == 0
        for tool in ("get_benchmark_run", "complete_benchmark_run", "cancel_benchmark_run"):
            assert await solver.refused(tool, benchmark_run_id=whole) == await solver.refused(
                tool, benchmark_run_id=unknown
            )
        assert "no such" in await solver.refused("start_run", scenario_id="answer", benchmark_run_id=whole)
        assert "not allow" in await solver.refused("create_benchmark", name="mine", scenario_ids=["answer"])
        own = (await solver.call("start_benchmark_run", benchmark_id="both")).found(r"bmr_\w+")
        listed = (await solver.call("list_benchmark_runs")).structured["benchmark_runs"]
        assert [each["benchmark_run_id"] for each in listed] == [own]
    async with serve(pack, surface=offered, principal=Principal("agent", Role.SOLVER, run)) as solver:
        for uri in (f"runloop://benchmarks/{benchmark}", f"runloop://benchmark-runs/{whole}"):
            with pytest.raises(MCPError):
                await solver.read(uri)


async def test_an_operator_sees_everybody_s_runs_where_the_toolset_for_that_is_on(tmp_path: Path, serve: Serve) -> None:
    """With `admin`, and an operator's key; a solver's sees its own as before."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack) as person:
        run = await person.run_of("answer")
    for role, offered, seen in (
        (Role.OPERATOR, surface(["core", "admin"]), [run]),
        (Role.OPERATOR, surface(["core", "author"]), []),
        (Role.SOLVER, surface(["core", "admin"]), []),
    ):
        async with serve(pack, surface=offered, principal=Principal("key:1", role)) as agent:
            listed = (await agent.call("list_runs")).structured["runs"]
            assert [each["run_id"] for each in listed] == seen


async def test_a_start_binds_those_secrets_only_that_the_scenario_requires(tmp_path: Path, serve: Serve) -> None:
    """Whoever works in a devbox can read what it is given; whether a secret is stored is not told either."""
    pack = scenario_folder(scenario_folder(tmp_path / "pack", "answer"), "deploys", required_secret_names=["OTHER"])
    async with serve(pack) as agent:
        for scenario in ("answer", "deploys"):
            stored, unknown = [
                await agent.refused("start_run", scenario_id=scenario, secrets={"KEY": name})
                for name in ("DEPLOY_KEY", "NO_SUCH_KEY")
            ]
            assert stored == unknown
            assert "required_secret_names" in stored
        assert (await agent.call("list_runs")).structured["total"] == 0
    for principal in (LOCAL_OPERATOR, Principal("key:1", Role.SOLVER)):
        async with serve(pack, surface=surface(["core", "benchmark"]), principal=principal) as agent:
            if principal.operates:
                await agent.call("create_benchmark", name="all", scenario_ids=["answer"])
            stored, unknown = [
                await agent.refused("start_benchmark_run", benchmark_id="all", secrets={"KEY": name})
                for name in ("DEPLOY_KEY", "NO_SUCH_KEY")
            ]
            assert stored == unknown
            assert "required_secret_names" in stored
            assert (await agent.call("list_benchmark_runs")).structured["total"] == 0


async def test_what_an_operator_notes_with_a_run_is_not_its_solver_s(tmp_path: Path, serve: Serve) -> None:
    """The record tells of the start without its metadata; the operator's own view of it has them."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    async with serve(pack, surface=surface(["core", "admin"])) as operator:
        run = await operator.run_of("answer", metadata={"note": "canary"}, run_name="first")
        assert "canary" in (await operator.call("get_run_log", run_id=run)).text
    async with serve(pack, principal=Principal(f"run:{run}", Role.SOLVER, run)) as solver:
        record = await solver.read(f"runloop://runs/{run}/log")
        assert '"tool":"start_run"' in record
        assert '"run_name":"first"' in record
        assert "canary" not in record


async def test_the_runs_that_prove_a_scenario_are_no_solver_s(tmp_path: Path, serve: Serve) -> None:
    """Their records tell the reference: whoever has no tools for operators neither lists nor finds them.

    An operator with a key can have a scenario proven, though these runs are of no key.
    """
    pack = scenario_folder(tmp_path / "pack", "answer", reference="echo 42 > answer.txt # the reference\n")
    author = Principal("key:1", Role.OPERATOR)
    async with serve(pack) as agent:
        run_id = await agent.run_of("answer")
    async with serve(pack, surface=surface(["core", "author"]), principal=author) as agent:
        proof = {"scenario_id": "answer", "cheats": False}
        while (said := (await agent.call("validate_scenario", **proof)).structured)["verdict"] == "pending":
            pass
        assert said["verdict"] == "valid", said["reason"]
    async with serve(pack, surface=surface(["core", "admin"])) as agent:
        proofs = [each["run_id"] for each in (await agent.call("list_runs")).structured["runs"]]
        records = [(await agent.call("get_run_log", run_id=each)).text for each in proofs]
        assert "the reference" in " ".join(records)
        proofs.remove(run_id)
    async with serve(pack) as agent:
        for limit in (1, 20):
            listed = (await agent.call("list_runs", limit=limit)).structured
            assert [each["run_id"] for each in listed["runs"]] == [run_id]
        assert listed["total"] == 1
        unknown = "scr_" + "x" * (len(run_id) - 4)
        for proof_id in proofs:
            assert await agent.refused("get_run", run_id=proof_id) == await agent.refused("get_run", run_id=unknown)
            with pytest.raises(MCPError):
                await agent.read(f"runloop://runs/{proof_id}/log")


async def test_a_token_ends_a_while_after_its_run(tmp_path: Path, serve: Serve) -> None:
    """It is good while the run goes on, and for the time in which its solver can read the score."""
    keyring = await open_keyring(tmp_path)
    async with serve(scenario_folder(tmp_path / "pack", "answer")) as agent:
        run, runs = await agent.run_of("answer"), agent.backend.runs
        made = await keyring.run_tokens.mint(run, seconds=60)
        nowhere = await keyring.run_tokens.mint("scr_" + "x" * 21, seconds=60)
        at_once = EndingWithRuns(keyring, runs, grace_seconds=0)
        assert (await at_once.authenticate(made.token)).run_id == run
        with pytest.raises(Unauthorized, match="has ended"):
            await at_once.authenticate(nowhere.token)
        await agent.call("cancel_run", run_id=run)
        assert (await EndingWithRuns(keyring, runs).authenticate(made.token)).run_id == run
        with pytest.raises(Unauthorized, match="has ended"):
            await EndingWithRuns(keyring, runs, grace_seconds=0).authenticate(made.token)
        assert await at_once.authenticate((await keyring.create("laptop")).key)


async def test_the_run_of_a_token_is_looked_at_seldom(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open stream is asked every second, and where runs are in the cloud each look is a request."""
    keyring = await open_keyring(tmp_path)
    async with serve(scenario_folder(tmp_path / "pack", "answer")) as agent:
        runs, looks, clock = agent.backend.runs, 0, Clock()
        made = await keyring.run_tokens.mint(await agent.run_of("answer"), seconds=600)
        retrieve = runs.retrieve

        async def counted(run_id: str) -> ScenarioRunView:
            nonlocal looks
            looks += 1
            return await retrieve(run_id)

        monkeypatch.setattr(runs, "retrieve", counted)
        monkeypatch.setattr(run_ends, "time", clock)
        access = EndingWithRuns(keyring, runs)
        for second in range(120):
            clock.passed = second
            await access.authenticate(made.token)
    assert looks == 2


class Clock:
    """Stands for the module `time`."""

    passed = 0.0

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return 1000 + self.passed

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.passed


async def test_an_idempotency_key_is_its_principal_s_own(tmp_path: Path, serve: Serve) -> None:
    """A command runs though another principal has used its key on the same devbox; its repetition does not."""
    pack = scenario_folder(tmp_path / "pack", "answer")
    command = "echo ran >> ~/times; wc -l < ~/times"
    async with serve(pack) as operator:
        run = await operator.run_of("answer")
        await operator.call("exec_on_devbox", run_id=run, command=command, idempotency_key="one")
    async with serve(pack, principal=Principal("agent", Role.SOLVER, run_id=run)) as solver:
        for _ in range(2):
            told = await solver.call("exec_on_devbox", run_id=run, command=command, idempotency_key="one")
            assert "\n2\n" in told.text
