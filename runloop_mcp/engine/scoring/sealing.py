"""What a score depends on, named when its run starts and looked at again before anything is scored."""

import hashlib
import logging
from functools import lru_cache

from runloop_mcp.api.errors import InvalidState
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import ScoringContract
from runloop_mcp.api.models.trust import SealedHashes
from runloop_mcp.engine.scenarios.environment import environment_hash
from runloop_mcp.engine.store.versions import Version

logger = logging.getLogger(__name__)


def contract_hash(contract: ScoringContract) -> str:
    """Names a contract: its functions, with the scripts of custom scorers."""
    return hashlib.sha256(contract.model_dump_json(exclude_none=True).encode()).hexdigest()


def seal(scenario: ScenarioView, files_key: str | None) -> SealedHashes:
    """The hashes of what a run of a scenario will be scored by.

    Args:
        scenario: The scenario as its run keeps it, with the scripts of its custom scorers.
        files_key: Names the files that it lays out.
    """
    reference = scenario.reference_output
    return SealedHashes(
        environment=environment_hash(scenario.environment, files_key),
        contract=contract_hash(scenario.scoring_contract),
        reference=None if reference is None else hashlib.sha256(reference.encode(errors="replace")).hexdigest(),
    )


def seal_version(version: Version, files_key: str | None) -> SealedHashes:
    """Likewise, of a scenario as it is kept: read again, as it will be for scoring."""
    if len(version.text) <= _REMEMBERED_LENGTH:
        return _remembered_seal(version, files_key)
    return seal(version.scenario(), files_key)


_REMEMBERED_LENGTH = 256 * 1024


@lru_cache(maxsize=32)
def _remembered_seal(version: Version, files_key: str | None) -> SealedHashes:
    """The same version is sealed for every run that starts from it."""
    return seal(version.scenario(), files_key)


def refuse_changed(sealed: SealedHashes | None, scenario: ScenarioView, files_key: str | None) -> None:
    """Refuses to score by what is not what the run started with.

    Args:
        sealed: The hashes of the start; None for a run of a version that kept none.
        scenario: What would be scored by.
        files_key: Names the files that it lays out.

    Raises:
        InvalidState: Something is not what it was; the message names it.
    """
    if sealed is None:
        return
    now = seal(scenario, files_key)
    changed = [name for name in SealedHashes.model_fields if getattr(now, name) != getattr(sealed, name)]
    if changed:
        name = changed[0]
        # Not in what is told of the run: a solver could try guesses against the hash of the reference.
        logger.warning("%s %s: sealed as %s, is %s", scenario.id, name, getattr(sealed, name), getattr(now, name))
        raise InvalidState(
            f"The {name} of the scenario is not what it was when the run started; the server's log has both hashes.",
            hint="Nothing was scored by it. Start a new run.",
        )
