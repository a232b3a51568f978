"""Names exactly what is validated, so that a verdict is known to hold still."""

import hashlib
import json

from runloop_mcp import __version__
from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scorer import ScorerListParams
from runloop_mcp.api.models.scoring import CustomScorer
from runloop_mcp.validation.trials import Trials

_PAGE = 200


async def content_hash(trials: Trials, scenario: ScenarioView) -> str:
    """A hash over the scenario, its files, its kind of devbox, the custom scorers it names, and this program's version.

    Raises:
        ApiError: No run of it can be started, which is how its files are named.
    """
    environment = await trials.begins_with(scenario)
    named = {
        function.scorer.custom_scorer_type
        for function in scenario.scoring_contract.scoring_function_parameters
        if isinstance(function.scorer, CustomScorer)
    }
    scripts = await _scripts(trials) if named else {}
    contents = [
        scenario.model_dump(mode="json", exclude={"x_missing_programs", "is_public"}),
        environment,
        {name: scripts.get(name) for name in sorted(named)},
        __version__,
    ]
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()


async def _scripts(trials: Trials) -> dict[str, str]:
    scripts: dict[str, str] = {}
    params = ScorerListParams(limit=_PAGE)
    while True:
        page = await trials.backend.scorers.list(params)
        scripts |= {scorer.type: scorer.bash_script for scorer in page.items}
        if not page.has_more or not page.items:
            return scripts
        params = params.model_copy(update={"starting_after": page.items[-1].id})
