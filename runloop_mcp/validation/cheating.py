"""Tries cheats on one scenario, each in a run of its own."""

import time
from dataclasses import dataclass, replace
from typing import Any

from runloop_mcp.api.errors import ApiError
from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.run import ScenarioRunView
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import ScoringContractResult
from runloop_mcp.validation.cheats.catalogue import DOUBLE_SUBMISSION, SEARCH, SUBMISSIONS, Cheat
from runloop_mcp.validation.cheats.program import answer_of, program
from runloop_mcp.validation.cheats.situation import situation_of
from runloop_mcp.validation.judging import judge_cheat
from runloop_mcp.validation.leaks import secrets_of
from runloop_mcp.validation.trials import Trials
from runloop_mcp.validation.verdicts import Attempt, Outcome, Unproven, Verdict

_TAIL_CHARACTERS = 400
_NO_PROGRAM = (126, 127)


class _NotApplicable(Exception):
    """The cheat can't be done here; the message says why."""


@dataclass(frozen=True, slots=True)
class Cheating:
    """Cheats on one scenario."""

    trials: Trials
    scenario: ScenarioView
    unsolved: ScoringContractResult
    """What the environment that is to be solved scores."""
    unsolve: ExecuteParams | None
    """Makes it the environment that is to be solved, where it comes solved (REVERSE)."""
    solve: ExecuteParams | None
    """Solves it: stands for the work of who comes too late."""

    async def attempt(self, cheat: Cheat) -> Attempt:
        """Tries one, and says what became of it; whatever goes wrong is an outcome."""
        try:
            return await self._attempt(cheat)
        except _NotApplicable as reason:
            return Attempt(cheat.name, Outcome.NOT_APPLICABLE, detail=str(reason))
        except (Unproven, ApiError) as error:
            return Attempt(cheat.name, Outcome.ERROR, detail=str(error))

    async def _attempt(self, cheat: Cheat) -> Attempt:
        if cheat == DOUBLE_SUBMISSION and self.solve is None:
            raise _NotApplicable("There is no reference that could be done too late.")
        async with self.trials.run(self.scenario) as run:
            began = time.monotonic()
            attempt = await self._tried(run, cheat)
            return replace(attempt, seconds=round(time.monotonic() - began, 3))

    async def _tried(self, run: ScenarioRunView, cheat: Cheat) -> Attempt:
        if self.unsolve is not None:
            await self.trials.apply(run, self.unsolve)
        if cheat == SEARCH:
            return await self._search(run)
        if cheat == DOUBLE_SUBMISSION:
            return await self._twice(run)
        detail = str(await self._do(run, cheat, situation_of(self.scenario)))
        return self._judged(cheat, await self.trials.score(run), detail)

    def _judged(self, cheat: Cheat, result: ScoringContractResult, detail: str) -> Attempt:
        outcome, functions = judge_cheat(self.unsolved, result)
        if cheat in SUBMISSIONS and outcome is Outcome.WON and result.score < 1.0:
            # What is deleted can't be wrong any more, and that is a part of some tasks.
            outcome, functions = Outcome.RAISED, []
        return Attempt(cheat.name, outcome, result.score, functions, detail)

    async def _do(self, run: ScenarioRunView, cheat: Cheat, situation: dict[str, Any]) -> Any:
        execution = await self.trials.execute(run, program(cheat.program, situation))
        answer = answer_of(execution.stdout or "")
        if answer is None:
            if execution.exit_status in _NO_PROGRAM:
                raise _NotApplicable("The devbox has no /usr/bin/python3.")
            said = (execution.stderr or execution.stdout or "").strip()[-_TAIL_CHARACTERS:]
            raise Unproven(
                Verdict.ERROR, f"It could not be done (exit status {execution.exit_status}): {said or 'no output'}"
            )
        if "missing" in answer:
            raise _NotApplicable(answer["missing"])
        return answer["done"]

    async def _search(self, run: ScenarioRunView) -> Attempt:
        secrets = secrets_of(self.scenario)
        if not secrets.parts:
            raise _NotApplicable("What must not be found is too short to be told from chance.")
        done = await self._do(run, SEARCH, secrets.situation())
        leaks, shown = secrets.judge(done["found"])
        if leaks:
            return Attempt(SEARCH.name, Outcome.WON, detail="; ".join(leaks))
        if shown:
            return Attempt(SEARCH.name, Outcome.RAISED, detail="; ".join(shown))
        searched = f"{done['searched']} texts searched"
        if not done["whole"]:
            return Attempt(SEARCH.name, Outcome.RAISED, detail=f"{searched}, and there was no time for the others")
        return Attempt(SEARCH.name, Outcome.HELD, detail=searched)

    async def _twice(self, run: ScenarioRunView) -> Attempt:
        """Scores, does the work, scores again, completes, and scores once more: none may change the score."""
        assert self.solve is not None  # noqa: S101 - the caller looked
        backend = self.trials.backend
        result = await self.trials.score(run)
        detail = "the devbox takes no work after the score"
        try:
            await self.trials.apply(run, self.solve)
            detail = "the work was done after the score"
        except (ApiError, Unproven):
            pass  # refused, as it may be
        for complete in (False, True):
            try:
                if complete:
                    await backend.runs.complete(run.id)
                again = await self.trials.score(run)
            except ApiError:
                continue  # refused, as it may be
            result = max(result, again, key=lambda each: each.score)
        return self._judged(DOUBLE_SUBMISSION, result, detail)
