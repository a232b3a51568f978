"""Proves scenarios right, over any backend: what an untouched environment scores, and what the reference scores.

    FORWARD, UNSPECIFIED   untouched below 1.0; with the reference applied exactly 1.0
    REVERSE                untouched exactly 1.0; with the reference taken away below 1.0
    EVALUATION             no pass mark: every scorer gives a score

Each is done several times, and must give the same score each time.
"""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import anyio

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError, InvalidRequest
from runloop_mcp.api.models.devbox import DevboxStatus, ExecuteParams, ExecutionStatus, ExecutionView
from runloop_mcp.api.models.run import RunProfile, RunState, ScenarioRunView, StartRunParams
from runloop_mcp.api.models.scenario import ScenarioView, ValidationType
from runloop_mcp.api.models.scoring import ScoringContractResult, ScoringFunctionState
from runloop_mcp.api.reference import reference_command
from runloop_mcp.engine.scenarios.verdict_warnings import verdict_warnings

VALIDATION = "validation"
"""The purpose of the runs made here."""

_WAIT_SECONDS = 20
_CLEAN_UP_SECONDS = 10
_TAIL_CHARACTERS = 400


class Verdict(StrEnum):
    """What validation found."""

    VALID = "valid"
    INVALID = "invalid"
    """The scenario is at fault."""
    ERROR = "error"
    """It could not be found out: something of ours, or something that the scenario requires, is missing or broken."""
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Validation:
    """The verdict on one scenario."""

    scenario_id: str
    name: str
    verdict: Verdict
    reason: str
    untouched: list[float]
    """What the untouched environment scored, each time."""
    reference: list[float]
    """What the environment scored with the reference applied (REVERSE: taken away), each time."""
    seconds: float
    warnings: list[str] = field(default_factory=list)
    """What looks as if the solution's own code decided the verdict. It changes no verdict."""


class _Unproven(Exception):
    """Ends the validation of a scenario with a verdict."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict


@dataclass(slots=True)
class _Scores:
    untouched: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Validator:
    """Validates scenarios of a backend."""

    backend: Backend
    repeat: int = 3
    timeout_seconds: float = 3600
    """How long one scenario may take in all."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where required environment variables get their values from."""

    async def validate(self, scenario: ScenarioView, on_step: Callable[[str], None]) -> Validation:
        """The verdict on a scenario; every failure is a verdict, with its reason.

        Args:
            scenario: What to prove.
            on_step: Told what is being done, in a few words.
        """
        began = time.monotonic()
        scores = _Scores()
        verdict = Verdict.ERROR
        try:
            with anyio.fail_after(self.timeout_seconds):
                verdict, reason = Verdict.VALID, await self._prove(scenario, scores, on_step)
        except TimeoutError:
            verdict, reason = Verdict.TIMEOUT, f"Validation took longer than {self.timeout_seconds:g} s."
        except _Unproven as unproven:
            verdict, reason = unproven.verdict, str(unproven)
        except ApiError as error:
            reason = str(error)
        seconds = round(time.monotonic() - began, 3)
        warnings = verdict_warnings(scenario)
        return Validation(
            scenario.id, scenario.name, verdict, reason, scores.untouched, scores.reference, seconds, warnings
        )

    async def _prove(self, scenario: ScenarioView, scores: _Scores, on_step: Callable[[str], None]) -> str:
        """Raises `_Unproven` unless the scenario is valid; returns what was seen."""
        kind = scenario.validation_type or ValidationType.FORWARD
        try:
            reference = reference_command(scenario, take_away=kind == ValidationType.REVERSE)
        except InvalidRequest as error:
            raise _Unproven(Verdict.INVALID, str(error)) from None
        if reference is None and kind != ValidationType.EVALUATION:
            raise _Unproven(Verdict.INVALID, "It has no reference output, so nothing can prove its scorers right.")
        for number in range(1, self.repeat + 1):
            on_step(f"untouched {number}/{self.repeat}")
            result = await self._score(scenario, None)
            scores.untouched.append(result.score)
            _judge_untouched(kind, result)
            if reference is not None:
                on_step(f"reference {number}/{self.repeat}")
                result = await self._score(scenario, reference)
                scores.reference.append(result.score)
                _judge_reference(kind, result)
        _judge_sameness("untouched", scores.untouched)
        _judge_sameness("with the reference", scores.reference)
        return _seen(kind, scores)

    async def _score(self, scenario: ScenarioView, command: ExecuteParams | None) -> ScoringContractResult:
        async with self._run(scenario) as run:
            await self._booted(run)
            if command is not None:
                await self._apply(run, command)
            scored = await self.backend.runs.score(run.id, wait_seconds=_WAIT_SECONDS)
            while scored.state == RunState.SCORING:
                scored = await self.backend.runs.wait(run.id, leaving={RunState.SCORING}, wait_seconds=_WAIT_SECONDS)
            if scored.scoring_contract_result is None:
                raise _unscored(scored)
            return scored.scoring_contract_result

    @asynccontextmanager
    async def _run(self, scenario: ScenarioView) -> AsyncIterator[ScenarioRunView]:
        """A run of the scenario, which has ended when the block has."""
        variables = scenario.required_environment_variables or []
        profile = RunProfile(
            env_vars={name: self.environment[name] for name in variables if name in self.environment},
            secrets={name: name for name in scenario.required_secret_names or []},
            purpose=VALIDATION,
        )
        params = StartRunParams(scenario_id=scenario.id, run_name=VALIDATION, run_profile=profile)
        # A principal of its own: the run is nobody's attempt, and uses up none where attempts are limited.
        principal = Principal(f"{VALIDATION}-{secrets.token_hex(6)}")
        # Shielded, because a run whose id never came back could not be ended.
        with anyio.CancelScope(shield=True):
            run = await self.backend.scenarios.start_run(params, principal=principal)
        try:
            yield run
        finally:
            with anyio.move_on_after(_CLEAN_UP_SECONDS, shield=True):
                await self._end(run.id)

    async def _booted(self, run: ScenarioRunView) -> None:
        """Waits until the devbox is up, or can't be, however long it has to wait for its turn."""
        settled = {DevboxStatus.RUNNING, DevboxStatus.FAILURE, DevboxStatus.SHUTDOWN}
        while True:
            devbox = await self.backend.devboxes.wait(run.devbox_id, until=settled, wait_seconds=_WAIT_SECONDS)
            if devbox.status in settled:
                return

    async def _end(self, run_id: str) -> None:
        run = await self.backend.runs.retrieve(run_id)
        if run.state == RunState.SCORED:
            await self.backend.runs.complete(run_id)
        elif run.state in (RunState.RUNNING, RunState.SCORING):
            await self.backend.runs.cancel(run_id)

    async def _apply(self, run: ScenarioRunView, command: ExecuteParams) -> None:
        execution = await self.backend.devboxes.execute(run.devbox_id, command, wait_seconds=_WAIT_SECONDS)
        while execution.status != ExecutionStatus.COMPLETED:
            execution = await self.backend.devboxes.execution(
                run.devbox_id, execution.execution_id, wait_seconds=_WAIT_SECONDS
            )
        if execution.exit_status != 0:
            raise _Unproven(Verdict.INVALID, _unapplied(command, execution))


def _judge_untouched(kind: str, result: ScoringContractResult) -> None:
    if kind == ValidationType.EVALUATION:
        _judge_scorers("Untouched", result)
    elif kind == ValidationType.REVERSE:
        if result.score != 1.0:
            raise _Unproven(Verdict.INVALID, f"Untouched, it holds the solution and must score 1.0; {_scored(result)}")
    elif result.score >= 1.0:
        raise _Unproven(Verdict.INVALID, "Untouched, it scores 1.0: there is nothing to solve.")


def _judge_reference(kind: str, result: ScoringContractResult) -> None:
    if kind == ValidationType.EVALUATION:
        _judge_scorers("With the reference", result)
    elif kind == ValidationType.REVERSE:
        if result.score >= 1.0:
            raise _Unproven(Verdict.INVALID, "With the reference taken away it still scores 1.0.")
    elif result.score != 1.0:
        raise _Unproven(Verdict.INVALID, f"With the reference applied it must score 1.0; {_scored(result)}")


def _judge_scorers(when: str, result: ScoringContractResult) -> None:
    if any(each.state == ScoringFunctionState.ERROR for each in result.scoring_function_results):
        raise _Unproven(Verdict.INVALID, f"{when}, a scorer gives no score; {_scored(result)}")


def _judge_sameness(what: str, scores: list[float]) -> None:
    if len(set(scores)) > 1:
        listed = ", ".join(f"{score:.6g}" for score in scores)
        raise _Unproven(Verdict.INVALID, f"The score is not the same each time: {what} {listed}.")


def _scored(result: ScoringContractResult) -> str:
    """What it scored, and the functions that did not give all."""
    below = [each for each in result.scoring_function_results if each.score < 1.0]
    parts = []
    for each in below:
        tail = each.output.strip()[-_TAIL_CHARACTERS:]
        said = f": {tail}" if tail else ""
        parts.append(f"{each.scoring_function_name} {each.score:.4g}{said}")
    return f"it scored {result.score:.6g} ({'; '.join(parts)})."


def _unscored(run: ScenarioRunView) -> _Unproven:
    notes = " ".join(run.x_runloop_mcp.notes) if run.x_runloop_mcp else ""
    verdict = Verdict.TIMEOUT if run.state == RunState.TIMEOUT else Verdict.ERROR
    return _Unproven(verdict, f"The run is {run.state} and has no score. {notes}".rstrip())


def _unapplied(command: ExecuteParams, execution: ExecutionView) -> str:
    what = "The reference patch does not apply" if command.stdin else "The reference commands fail"
    said = "\n".join(part.strip() for part in (execution.stdout, execution.stderr) if part and part.strip())
    return f"{what} (exit status {execution.exit_status}): {said[-_TAIL_CHARACTERS:] or 'no output'}"


def _seen(kind: str, scores: _Scores) -> str:
    untouched = f"untouched {scores.untouched[0]:.4g}"
    if not scores.reference:
        return f"{untouched}; there is no reference, and no pass mark."
    what = "reference taken away" if kind == ValidationType.REVERSE else "reference"
    return f"{untouched}, {what} {scores.reference[0]:.4g}."
