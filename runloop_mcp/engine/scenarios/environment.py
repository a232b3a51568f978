"""What a run of a scenario starts from, as one name."""

import hashlib
import json

from runloop_mcp.api.models.scenario import ScenarioEnvironment


def environment_hash(environment: ScenarioEnvironment | None, files_key: str | None) -> str:
    """Names exactly what a run starts from: files, launch parameters and base (blueprint or snapshot)."""
    parts = {
        "files": files_key,
        "environment": environment.model_dump(mode="json", exclude_none=True) if environment else {},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
