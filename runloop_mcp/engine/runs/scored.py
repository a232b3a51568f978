"""What a run's scoring and its rescoring have in common."""

import base64

from runloop_mcp.api.models.scenario import ScenarioView
from runloop_mcp.api.models.scoring import ScoringContractResult
from runloop_mcp.devbox.port import FileData
from runloop_mcp.engine.scoring.protected import protected_names
from runloop_mcp.engine.scoring.scoring_devbox import ScoredDisk
from runloop_mcp.engine.scoring.tools import ScorerTools
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.store.devboxes import DevboxRow


def scored_disk(row: DevboxRow, frozen: str, scenario: ScenarioView, tools: ScorerTools) -> ScoredDisk:
    """What is scored of a run.

    Args:
        row: The run's devbox.
        frozen: The snapshot of its disk.
        scenario: As it was when the run started.
        tools: What its scorers need.
    """
    pristine = {}
    for path, file in row.data.pristine.items():
        data = base64.b64decode(file.data)
        pristine[path] = FileData(data=data, size=len(data), mode=file.mode)
    return ScoredDisk(
        frozen_snapshot_id=frozen,
        pristine_home_snapshot_id=row.data.pristine_home(),
        protected_names=protected_names(scenario.metadata),
        pristine=pristine,
        read_only=tools.read_only,
    )


def masked(result: ScoringContractResult, mask: Mask) -> ScoringContractResult:
    """A result with the values of secrets covered in what scorers printed."""
    functions = [
        function.model_copy(update={"output": mask.text(function.output)})
        for function in result.scoring_function_results
    ]
    return result.model_copy(update={"scoring_function_results": functions})
