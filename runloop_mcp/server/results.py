"""The structured results of lists and scores: small typed values, everything a solver may know and nothing else."""

from pydantic import BaseModel, ConfigDict, Field


class Result(BaseModel):
    """A structured result. What is null or empty is left out."""

    model_config = ConfigDict(defer_build=True)


class ScenarioLine(Result):
    """A scenario in a list."""

    scenario_id: str
    name: str
    summary: str = ""
    tags: list[str] = []
    difficulty: str | None = None
    minutes: str | None = None
    missing_programs: list[str] = []


class ScenarioList(Result):
    """One page of scenarios."""

    scenarios: list[ScenarioLine]
    total: int
    next_cursor: str | None = None


class RunLine(Result):
    """A run in a list."""

    run_id: str
    scenario_id: str
    state: str
    name: str | None = None
    attempt: int | None = None
    started: str | None = None
    score: float | None = None


class RunList(Result):
    """One page of runs."""

    runs: list[RunLine]
    total: int
    next_cursor: str | None = None


class FunctionScore(Result):
    """What one scoring function gave."""

    name: str
    score: float
    weight: float | None = None
    state: str
    seconds: float | None = None
    output: str | None = None


class AttemptScore(Result):
    """What an attempt came to."""

    attempt: int
    state: str
    score: float | None = None


class ScoreCard(Result):
    """A run's score, as far as the scenario discloses it."""

    run_id: str
    state: str
    message: str
    disclosure: str
    score: float | None = Field(default=None, description="0..1")
    complete: bool | None = Field(default=None, description="false: a scorer broke, so the score is not the last word")
    functions: list[FunctionScore] = []
    attempt: int | None = None
    earlier_attempts: list[AttemptScore] = []
    seconds: float | None = None
    scoring_mode: str | None = None
    restored_files: list[str] = Field(default=[], description="Protected files put back before scoring")
    notes: list[str] = []
    next: str
