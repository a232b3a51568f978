"""What can be set about the engine."""

from dataclasses import dataclass

from runloop_mcp.devbox.port import Network


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What can be set about the engine; the defaults are the product's."""

    network: Network = Network.NONE
    """What devboxes reach."""
    keep_alive_seconds: int = 3600
    """How long a run may take where its scenario does not say."""
    max_devboxes: int = 20
    """How many devboxes of runs may be up at once; further ones wait for their turn."""
    output_quota_bytes: int = 64 * 1024**2
    """How much of each stream of an execution is kept."""
    launch_seconds: float = 900
    """How long all launch commands of a devbox may take together."""
    build_seconds: float = 1800
    """How long the build of a blueprint may take."""
    code_host: str = "https://github.com"
    """Where the repositories of code mounts are."""
    scorer_timeout_seconds: int = 1800
    """How long all scorers of a run may take together where the scenario does not say."""
    retention_days: float = 14
    """How long frozen working directories and outputs are kept after their run has ended."""
    retention_bytes: int = 10 * 10**9
    """How much of the disk they may take together; the oldest go first."""
    object_bytes: int = 5 * 10**9
    """How large an object may be."""
    collect_after_seconds: float = 60
    """How long after its start a server first looks whether something is due to go."""
    leftover_seconds: float = 3600
    """How old something has to be that no run knows, to count as left over while other servers are at work."""
    looks_after_runs: bool = True
    """Whether it carries on what dead servers left, and ends what is out of time."""
