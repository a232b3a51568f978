"""What a run of a scenario starts from, as one name."""

import hashlib
import json
from collections.abc import Sequence

from runloop_mcp.api.models.mounts import Mount
from runloop_mcp.api.models.scenario import LaunchParameters, ScenarioEnvironment


def environment_hash(environment: ScenarioEnvironment | None, files_key: str | None) -> str:
    """Names exactly what a run starts from: files, launch parameters and base (blueprint or snapshot)."""
    parts = {
        "files": files_key,
        "environment": environment.model_dump(mode="json", exclude_none=True) if environment else {},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def with_additions(scenario_hash: str, mounts: Sequence[Mount], launch: LaunchParameters | None) -> str:
    """Names what a run starts from that adds mounts and launch parameters to what its scenario starts from."""
    parts = {
        "scenario": scenario_hash,
        "mounts": [mount.model_dump(mode="json", exclude_none=True) for mount in mounts],
        "launch": launch.model_dump(mode="json", exclude_none=True) if launch else {},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
