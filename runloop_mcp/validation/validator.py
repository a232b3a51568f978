"""Proves scenarios right, over any backend: they can be solved, and nobody gets their score for less.

    FORWARD, UNSPECIFIED   untouched below 1.0; with the reference applied exactly 1.0
    REVERSE                untouched exactly 1.0; with the reference taken away below 1.0
    EVALUATION             no pass mark: every scorer gives a score

Each is done several times, and must give the same score each time. Then come the cheats, each in a run of its own.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from runloop_mcp.api.backend import Backend
from runloop_mcp.api.errors import ApiError, InvalidRequest
from runloop_mcp.api.models.devbox import ExecuteParams
from runloop_mcp.api.models.scenario import ScenarioView, ValidationType
from runloop_mcp.api.models.scoring import ScoringContractResult
from runloop_mcp.api.reference import reference_command
from runloop_mcp.validation.cheating import Cheating
from runloop_mcp.validation.cheats.catalogue import CHEATS, SEARCH, Cheat
from runloop_mcp.validation.judging import judge_reference, judge_sameness, judge_untouched
from runloop_mcp.validation.trials import Trials
from runloop_mcp.validation.verdict_warnings import verdict_warnings
from runloop_mcp.validation.verdicts import Attempt, Outcome, Unproven, Validation, Verdict


@dataclass(slots=True)
class _Found:
    untouched: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    unsolved: ScoringContractResult | None = None
    """What the environment that is to be solved scored."""


@dataclass(frozen=True, slots=True)
class Validator:
    """Validates scenarios of a backend."""

    backend: Backend
    repeat: int = 3
    timeout_seconds: float = 3600
    """How long one scenario may take in all."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Where required environment variables get their values from."""
    cheats: Sequence[Cheat] = CHEATS
    """What is tried."""
    limiter: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    """How many runs there are at a time, over all scenarios."""

    async def validate(self, scenario: ScenarioView, on_step: Callable[[str], None]) -> Validation:
        """The verdict on a scenario; every failure is a verdict, with its reason.

        Args:
            scenario: What to prove.
            on_step: Told what is being done, in a few words.
        """
        began = time.monotonic()
        found = _Found()
        verdict = Verdict.ERROR
        try:
            with anyio.fail_after(self.timeout_seconds):
                verdict, reason = Verdict.VALID, await self._prove(scenario, found, on_step)
        except TimeoutError:
            verdict, reason = Verdict.TIMEOUT, f"Validation took longer than {self.timeout_seconds:g} s."
        except Unproven as unproven:
            verdict, reason = unproven.verdict, str(unproven)
        except ApiError as error:
            reason = str(error)
        attempts = [found.attempts[cheat.name] for cheat in self.cheats if cheat.name in found.attempts]
        return Validation(
            scenario_id=scenario.id,
            name=scenario.name,
            verdict=verdict,
            reason=reason,
            untouched=found.untouched,
            reference=found.reference,
            seconds=round(time.monotonic() - began, 3),
            warnings=[*verdict_warnings(scenario), *_doubts(attempts)],
            attempts=attempts,
        )

    async def _prove(self, scenario: ScenarioView, found: _Found, on_step: Callable[[str], None]) -> str:
        """Raises `Unproven` unless the scenario is valid; returns what was seen."""
        kind = scenario.validation_type or ValidationType.FORWARD
        try:
            reference = reference_command(scenario, take_away=kind == ValidationType.REVERSE)
        except InvalidRequest as error:
            raise Unproven(Verdict.INVALID, str(error)) from None
        if reference is None and kind != ValidationType.EVALUATION:
            raise Unproven(Verdict.INVALID, "It has no reference output, so nothing can prove its scorers right.")
        trials = Trials(self.backend, self.environment, self.limiter)
        for number in range(1, self.repeat + 1):
            on_step(f"untouched {number}/{self.repeat}")
            result = await _scored(trials, scenario, None)
            found.untouched.append(result.score)
            judge_untouched(kind, result)
            if kind != ValidationType.REVERSE:
                found.unsolved = result
            if reference is not None:
                on_step(f"reference {number}/{self.repeat}")
                result = await _scored(trials, scenario, reference)
                found.reference.append(result.score)
                judge_reference(kind, result)
                if kind == ValidationType.REVERSE:
                    found.unsolved = result
        judge_sameness("untouched", found.untouched)
        judge_sameness("with the reference", found.reference)
        seen = _seen(kind, found)
        if self.cheats and found.unsolved is not None and found.unsolved.score < 1.0:
            await self._cheat(trials, scenario, found, reference, on_step)
            seen += f" {_counted(list(found.attempts.values()))}"
        return seen

    async def _cheat(
        self,
        trials: Trials,
        scenario: ScenarioView,
        found: _Found,
        reference: ExecuteParams | None,
        on_step: Callable[[str], None],
    ) -> None:
        """Tries every cheat, side by side as far as runs may be. Raises `Unproven` where one wins or can't be tried."""
        assert found.unsolved is not None  # noqa: S101 - the caller looked
        reverse = scenario.validation_type == ValidationType.REVERSE
        cheating = Cheating(
            trials,
            scenario,
            unsolved=found.unsolved,
            unsolve=reference if reverse else None,
            solve=None if reverse else reference,
        )

        async def one(cheat: Cheat) -> None:
            found.attempts[cheat.name] = await cheating.attempt(cheat)
            on_step(f"cheats {len(found.attempts)}/{len(self.cheats)}")

        on_step(f"cheats 0/{len(self.cheats)}")
        async with anyio.create_task_group() as tasks:
            for cheat in self.cheats:
                tasks.start_soon(one, cheat)
        _judge_attempts([found.attempts[cheat.name] for cheat in self.cheats])


async def _scored(trials: Trials, scenario: ScenarioView, reference: ExecuteParams | None) -> ScoringContractResult:
    async with trials.run(scenario) as run:
        if reference is not None:
            await trials.apply(run, reference)
        return await trials.score(run)


def _judge_attempts(attempts: list[Attempt]) -> None:
    won = [attempt for attempt in attempts if attempt.outcome is Outcome.WON]
    if won:
        raise Unproven(Verdict.INVALID, f"It is fooled by {'; '.join(_won(attempt) for attempt in won)}.")
    failed = [attempt for attempt in attempts if attempt.outcome is Outcome.ERROR]
    if failed:
        raise Unproven(Verdict.ERROR, f"{failed[0].cheat} has no score: {failed[0].detail}")


def _won(attempt: Attempt) -> str:
    if attempt.cheat == SEARCH.name:
        return f"{attempt.cheat} ({attempt.detail})"
    functions = f", won {', '.join(attempt.functions)}" if attempt.functions else ""
    return f"{attempt.cheat} (scored {attempt.score or 0.0:.4g}{functions})"


def _doubts(attempts: list[Attempt]) -> list[str]:
    doubts = [
        f"{attempt.cheat} raises the score to {attempt.score or 0.0:.4g}: a part of it is to be had for nothing."
        for attempt in attempts
        if attempt.outcome is Outcome.RAISED and attempt.cheat != SEARCH.name
    ]
    shown = [
        f"{attempt.detail}." for attempt in attempts if attempt.outcome is Outcome.RAISED and attempt.score is None
    ]
    return [*doubts, *shown]


def _counted(attempts: list[Attempt]) -> str:
    tried = [attempt for attempt in attempts if attempt.outcome is not Outcome.NOT_APPLICABLE]
    return f"{len(tried)} cheats tried, none won."


def _seen(kind: str, found: _Found) -> str:
    untouched = f"untouched {found.untouched[0]:.4g}"
    if not found.reference:
        return f"{untouched}; there is no reference, and no pass mark."
    what = "reference taken away" if kind == ValidationType.REVERSE else "reference"
    return f"{untouched}, {what} {found.reference[0]:.4g}."
