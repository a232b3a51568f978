"""What a score can be trusted for: what it was made from, what the solver did beside its answer, and later scorings."""

from pydantic import Field

from runloop_mcp.api.models.base import WireModel
from runloop_mcp.api.models.scoring import ScoringContract, ScoringContractResult, ScoringMode


class SealedHashes(WireModel):
    """What a run's score depends on, as it was when the run started; scoring is refused where it is otherwise."""

    environment: str
    """The exact files, launch parameters and base."""
    contract: str
    """The scoring functions, with the scripts of custom scorers."""
    reference: str | None = None
    """The reference output; None where there is none."""


class NetworkAttempts(WireModel):
    """What programs of a devbox without a network tried to reach, counted by its kernel since its last boot.

    One attempt of a program may count several times, as with two addresses of one name.
    """

    unreachable: int
    """Packets and connections to addresses outside, for which there was no way."""
    lookups: int
    """Packets to a port of its own where nobody listens, as the look-up of a name is."""


class TamperReport(WireModel):
    """What a solver did beside its answer, as seen at the instant when its score was asked for.

    Nothing of it changes the score: a report tells an operator where to look. None: not observed, for a reason that
    `not_observed` names.
    """

    tests_changed: list[str] | None = None
    """Files of the environment that look like tests, changed or deleted since launch: paths in the working directory.
    Those that are protected are in `restored_files` too."""
    scorer_inputs: list[str] | None = None
    """Where the scorers' own test files go, and the solver had put something; it was moved aside."""
    processes: list[str] | None = None
    """Names of the processes that ran, each once."""
    process_count: int | None = None
    network: NetworkAttempts | None = None
    changed_outside: list[str] | None = None
    """Files changed outside the working directory and /tmp since launch, by absolute path."""
    truncated: bool = False
    """Whether there was more to list than is listed."""
    not_observed: list[str] = Field(default_factory=list)
    """What could not be seen, and why, in a sentence each."""


class Rescoring(WireModel):
    """A later scoring of a run's frozen disk, by an operator. The run's score stays what it was."""

    time_ms: int
    """When it was over, in UTC milliseconds."""
    principal: str
    """Who asked for it."""
    contract_hash: str
    same_contract: bool
    """Whether it was the contract that the run started with."""
    mode: ScoringMode
    duration_ms: int
    result: ScoringContractResult


class RescoreParams(WireModel):
    """Scores the frozen disk of a run again."""

    contract: ScoringContract | None = None
    """What to score with; None: what the run started with."""
    mode: ScoringMode | None = None
    """`clean` or `fork`; None: as the run was scored."""
