"""Validation behind the port through which servers prove scenarios."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from runloop_mcp.api.proof import Proof, ProofTerms, Prover, TriedCheat

if TYPE_CHECKING:
    from runloop_mcp.api.backend import Backend
    from runloop_mcp.api.models.scenario import ScenarioView

_RUNS_AT_A_TIME = 2


class ScenarioProver(Prover):
    """Proves scenarios by validation.

    Args:
        cheats: The names of those that are tried; all where none is named.
    """

    def __init__(self, cheats: tuple[str, ...] = ()) -> None:
        self._cheats = cheats

    async def prove(
        self, backend: "Backend", scenario: "ScenarioView", terms: ProofTerms, on_step: Callable[[str], None]
    ) -> Proof:
        """See `Prover.prove`."""
        import anyio  # noqa: PLC0415 - a server makes one at its start, and most never prove anything

        from runloop_mcp.validation.cheats.catalogue import chosen_cheats  # noqa: PLC0415 - likewise
        from runloop_mcp.validation.validator import Validator  # noqa: PLC0415 - likewise

        validator = Validator(
            backend,
            repeat=terms.repeat,
            environment=terms.environment_variables,
            cheats=chosen_cheats(self._cheats) if terms.cheats else (),
            limiter=anyio.CapacityLimiter(_RUNS_AT_A_TIME),
        )
        found = await validator.validate(scenario, on_step)
        return Proof(
            verdict=found.verdict,
            reason=found.reason,
            seconds=found.seconds,
            untouched=tuple(found.untouched),
            reference=tuple(found.reference),
            warnings=tuple(found.warnings),
            cheats=tuple(TriedCheat(each.cheat, each.outcome, each.detail) for each in found.attempts),
        )
