"""The port through which a scenario is proven: that it can be solved, and that its score can't be had for less."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runloop_mcp.api.backend import Backend
    from runloop_mcp.api.models.scenario import ScenarioView


@dataclass(frozen=True, slots=True)
class TriedCheat:
    """What became of one way to have the score for less."""

    cheat: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProofTerms:
    """How a scenario is to be proven."""

    repeat: int = 1
    """How often each score is taken, which must be the same each time."""
    cheats: bool = True
    """Whether the cheats are tried."""
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    """Where the variables that the scenario requires get their values from."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The verdict on a scenario."""

    verdict: str
    """`valid`, `invalid`, `error` or `timeout`."""
    reason: str
    seconds: float
    untouched: tuple[float, ...] = ()
    """What the untouched environment scored, each time."""
    reference: tuple[float, ...] = ()
    """What the environment scored with the reference applied, or for REVERSE taken away, each time."""
    warnings: tuple[str, ...] = ()
    cheats: tuple[TriedCheat, ...] = ()


class Prover(ABC):
    """Proves scenarios."""

    @abstractmethod
    async def prove(
        self, backend: "Backend", scenario: "ScenarioView", terms: ProofTerms, on_step: Callable[[str], None]
    ) -> Proof:
        """The verdict on a scenario; whatever fails is a verdict with its reason.

        Args:
            backend: Where the scenario is, and where it is run.
            scenario: What to prove.
            terms: How.
            on_step: Told what is being done, in a few words.
        """
