"""The contract of custom scorers: registered under a type, named by scenarios, tried by validation."""

import pytest
from backend_cases import OpenBackend
from greeting_scenario import contract, greeting, run_command, started

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.models.scenario import LaunchParameters, ScenarioEnvironment, ScenarioUpdateParams
from runloop_mcp.api.models.scorer import (
    ScorerCreateParams,
    ScorerListParams,
    ScorerUpdateParams,
    ScorerValidateParams,
)

FINDS_WORD = """
for context in "$RL_SCORER_CONTEXT" "$RL_TEST_CONTEXT"; do
  word=$(/usr/bin/python3 -I -c 'import json, sys; print(json.loads(sys.argv[1])["word"])' "$context") || exit
  grep -qx "$word" greeting.txt || { echo 0; exit; }
done
echo 1.0
"""


def scored_by(kind: str) -> dict[str, object]:
    """A scorer of a custom type."""
    return {"type": "custom_scorer", "custom_scorer_type": kind, "scorer_params": {"word": "hello"}}


async def test_scorers_are_kept_found_and_changed(open_backend: OpenBackend) -> None:
    """A scorer has an id and a type of its own; lists come in pages, newest first."""
    async with open_backend() as backend:
        made = [
            await backend.scorers.create(ScorerCreateParams(type=f"kind-{n}", bash_script="echo 1")) for n in range(3)
        ]
        assert {scorer.id[:4] for scorer in made} == {"scs_"}
        with pytest.raises(InvalidRequest, match="already exists"):
            await backend.scorers.create(ScorerCreateParams(type="kind-1", bash_script="echo 0"))
        with pytest.raises(InvalidRequest, match="already exists"):
            await backend.scorers.update(made[0].id, ScorerUpdateParams(type="kind-1", bash_script="echo 0"))
        changed = await backend.scorers.update(made[0].id, ScorerUpdateParams(type="other", bash_script="echo 0"))
    async with open_backend() as backend:
        assert await backend.scorers.retrieve(made[0].id) == changed
        first = await backend.scorers.list(ScorerListParams(limit=2))
        assert ([s.type for s in first.items], first.total_count, first.has_more) == (["kind-2", "kind-1"], 3, True)
        second = await backend.scorers.list(ScorerListParams(limit=2, starting_after=first.items[-1].id))
        assert ([s.type for s in second.items], second.has_more) == (["other"], False)
        assert [s.type for s in (await backend.scorers.list(ScorerListParams(search="OTHER"))).items] == ["other"]
        with pytest.raises(NotFound):
            await backend.scorers.retrieve("scs_missing")
        with pytest.raises(InvalidRequest, match="start after"):
            await backend.scorers.list(ScorerListParams(starting_after="scs_missing"))


@pytest.mark.parametrize(("kind", "script", "named"), [("a b", "echo 1", "type"), ("a", " ", "bash_script")])
async def test_what_can_be_no_scorer_is_refused(open_backend: OpenBackend, kind: str, script: str, named: str) -> None:
    """The error names the field and says what is valid."""
    async with open_backend() as backend:
        with pytest.raises(InvalidRequest, match=named):
            await backend.scorers.create(ScorerCreateParams(type=kind, bash_script=script))


async def test_a_scenario_names_only_registered_scorers(open_backend: OpenBackend) -> None:
    """A type that nobody registered is refused when a scenario is created or changed, with those that are."""
    async with open_backend() as backend:
        await backend.scorers.create(ScorerCreateParams(type="finds-word", bash_script=FINDS_WORD))
        unknown = contract(("greets", 1.0, scored_by("find-word")))
        with pytest.raises(InvalidRequest, match="finds-word"):
            await backend.scenarios.create(greeting(scoring_contract=unknown))
        scenario = await backend.scenarios.create(greeting())
        with pytest.raises(InvalidRequest, match="finds-word"):
            await backend.scenarios.update(scenario.id, ScenarioUpdateParams(scoring_contract=unknown))


async def test_a_run_is_scored_by_the_scorer_that_it_started_with(open_backend: OpenBackend) -> None:
    """A scorer that is changed afterwards judges later runs only; it gets its parameters under both names."""
    async with open_backend() as backend:
        scorer = await backend.scorers.create(ScorerCreateParams(type="finds-word", bash_script=FINDS_WORD))
        run = await started(backend, greeting(scoring_contract=contract(("greets", 1.0, scored_by("finds-word")))))
        await run_command(backend, run, "echo hello > greeting.txt")
        await backend.scorers.update(scorer.id, ScorerUpdateParams(type="finds-word", bash_script="echo 0"))
        assert (await backend.runs.score(run.id)).score == 1.0
        shown = await backend.scenarios.retrieve(run.scenario_id)
    assert "bash_script" not in shown.model_dump_json(exclude_none=True)


@pytest.mark.needs("has_rights_outside_home")
@pytest.mark.parametrize(("mode", "there"), [("clean", "absent"), ("live", "ast-grep")])
async def test_only_a_devbox_that_is_scored_in_has_scorers_tools(
    open_backend: OpenBackend, mode: str, there: str
) -> None:
    """A solver's devbox has them where scoring happens in place, also after it was booted again, and else not."""
    look = "ls /scorer-tools 2> /dev/null || echo absent"
    search = {"type": "ast_grep_scorer", "pattern": "greet($A)", "search_directory": ".", "lang": "python"}
    async with open_backend() as backend:
        params = greeting(scoring_contract=contract(("greets", 1.0, search)), metadata={"scoring": mode})
        run = await started(backend, params)
        assert (await run_command(backend, run, f"echo 'greet(1)' > a.py; {look}")).stdout.strip() == there
    async with open_backend() as backend:
        assert (await run_command(backend, run, look)).stdout.strip() == there
        assert (await backend.runs.score(run.id)).score == 1.0


async def test_a_scorer_is_tried_in_a_devbox_of_its_own(open_backend: OpenBackend) -> None:
    """Validation prepares an environment, runs the script on a context and gives what a run would get of it."""
    async with open_backend() as backend:
        scorer = await backend.scorers.create(ScorerCreateParams(type="finds-word", bash_script=FINDS_WORD))
        launch = LaunchParameters(launch_commands=["echo moin > greeting.txt"])
        params = ScorerValidateParams(
            scoring_context={"word": "moin"}, environment_parameters=ScenarioEnvironment(launch_parameters=launch)
        )
        found = await backend.scorers.validate(scorer.id, params)
        assert (found.name, found.scoring_result.score, found.scoring_context) == ("finds-word", 1.0, {"word": "moin"})
        failed = await backend.scorers.validate(scorer.id, params.model_copy(update={"scoring_context": {}}))
        assert failed.scoring_result.state == "error"
        assert "KeyError" in failed.scoring_result.output
