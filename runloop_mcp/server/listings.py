"""The structured results of tools for authors, operators and benchmarks."""

from pydantic import Field

from runloop_mcp.server.results import Result


class CheatLine(Result):
    """What became of a cheat."""

    cheat: str
    outcome: str
    detail: str = ""


class Verdict(Result):
    """The verdict on a scenario."""

    scenario_id: str
    verdict: str
    reason: str
    untouched: list[float] = Field(default=[])
    reference: list[float] = Field(default=[])
    seconds: float | None = None
    warnings: list[str] = Field(default=[])
    fooled_by: list[str] = Field(default=[])
    cheats: list[CheatLine] = Field(default=[])
    cheats_tried: int = 0


class ScorerLine(Result):
    """A custom scorer in a list."""

    scorer_id: str
    type: str


class ScorerList(Result):
    """One page of custom scorers."""

    scorers: list[ScorerLine]
    total: int
    next_cursor: str | None = None


class SnapshotLine(Result):
    """A snapshot in a list."""

    snapshot_id: str
    name: str | None = None
    devbox_id: str
    status: str
    created: str | None = None
    bytes: int | None = None
    working_directory: str | None = None


class SnapshotList(Result):
    """One page of snapshots."""

    snapshots: list[SnapshotLine]
    total: int
    next_cursor: str | None = None


class BlueprintLine(Result):
    """A blueprint in a list."""

    blueprint_id: str
    name: str
    status: str
    created: str | None = None


class BlueprintList(Result):
    """One page of blueprints."""

    blueprints: list[BlueprintLine]
    total: int
    next_cursor: str | None = None


class DevboxLine(Result):
    """A devbox in a list."""

    devbox_id: str
    status: str
    name: str | None = None
    run_id: str | None = None
    created: str | None = None
    snapshot_id: str | None = None
    blueprint_id: str | None = None


class DevboxList(Result):
    """One page of devboxes."""

    devboxes: list[DevboxLine]
    total: int
    next_cursor: str | None = None


class SecretLine(Result):
    """A secret in a list: its name, never its value."""

    name: str
    updated: str | None = None


class SecretList(Result):
    """One page of secrets."""

    secrets: list[SecretLine]
    total: int
    next_cursor: str | None = None


class BenchmarkLine(Result):
    """A benchmark in a list."""

    benchmark_id: str
    name: str
    description: str | None = None
    scenarios: int


class BenchmarkList(Result):
    """One page of benchmarks."""

    benchmarks: list[BenchmarkLine]
    total: int
    next_cursor: str | None = None


class BenchmarkRunLine(Result):
    """A benchmark run in a list."""

    benchmark_run_id: str
    state: str
    benchmark_id: str | None = None
    name: str | None = None
    started: str | None = None


class BenchmarkRunList(Result):
    """One page of benchmark runs."""

    benchmark_runs: list[BenchmarkRunLine]
    total: int
    next_cursor: str | None = None


class BenchmarkScenarioLine(Result):
    """A scenario of a benchmark run, with its newest run."""

    scenario_id: str
    name: str | None = None
    run_id: str | None = None
    state: str
    score: float | None = None


class BenchmarkProgress(Result):
    """How far a benchmark run is."""

    benchmark_run_id: str
    state: str
    benchmark_id: str | None = None
    name: str | None = None
    score: float | None = None
    scenarios_total: int
    not_started: int
    under_way: int
    scored: int
    without_score: int
    mean_so_far: float | None = None
    scenarios: list[BenchmarkScenarioLine] = Field(default=[])
    next_cursor: str | None = None
    next: str
