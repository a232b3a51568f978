"""Whether devboxes can run here at all."""

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import Capability


def refuse_impossible(capability: Capability) -> None:
    """Refuses to make a devbox where none can run.

    Raises:
        Unavailable: It says what is missing, and how to mend that.
    """
    if capability.available:
        return
    missing = [finding for finding in capability.findings if finding.required and not finding.ok]
    raise Unavailable(
        "No devbox can run on this machine: " + "; ".join(f"{finding.name}: {finding.detail}" for finding in missing),
        hint=" ".join(dict.fromkeys(finding.remedy for finding in missing if finding.remedy))
        + " Then check with: runloop-mcp doctor",
    )
