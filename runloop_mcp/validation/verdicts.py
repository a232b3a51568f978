"""What validation finds: a verdict on each scenario, and what became of each cheat."""

from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """What validation found."""

    VALID = "valid"
    INVALID = "invalid"
    """The scenario is at fault."""
    ERROR = "error"
    """It could not be found out: something of ours, or something that the scenario requires, is missing or broken."""
    TIMEOUT = "timeout"


class Outcome(StrEnum):
    """What became of a cheat."""

    HELD = "held"
    """It earned nothing beyond what the untouched environment scores."""
    WON = "won"
    """The score is 1.0, or a scoring function that fails untouched gave all that it can."""
    RAISED = "raised"
    """The score is higher than untouched, though no scoring function gave all: a part was had for nothing."""
    NOT_APPLICABLE = "not applicable"
    """The environment has nothing that it could be done with; the detail says what is missing."""
    ERROR = "error"
    """There is no score: something of ours broke."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One cheat on one scenario."""

    cheat: str
    outcome: Outcome
    score: float | None = None
    """None where nothing was scored."""
    functions: list[str] = field(default_factory=list)
    """The scoring functions that it won."""
    detail: str = ""
    """What was done or found, or why not."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Validation:
    """The verdict on one scenario."""

    scenario_id: str
    name: str
    verdict: Verdict
    reason: str
    untouched: list[float] = field(default_factory=list)
    """What the untouched environment scored, each time."""
    reference: list[float] = field(default_factory=list)
    """What the environment scored with the reference applied (REVERSE: taken away), each time."""
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    """What looks as if the solution's own code decided the verdict, or gives a part for nothing. Changes no verdict."""
    attempts: list[Attempt] = field(default_factory=list)
    """What became of the cheats, in the order of the catalogue."""

    @property
    def fooled_by(self) -> list[str]:
        """The cheats that won."""
        return [attempt.cheat for attempt in self.attempts if attempt.outcome is Outcome.WON]


class Unproven(Exception):
    """Ends the validation of a scenario with a verdict."""

    def __init__(self, verdict: Verdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict = verdict
