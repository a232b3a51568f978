"""Which tools a server offers: by toolset, by name, or only those that read.

Names alone, so that a server knows its surface before it imports a single tool.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from runloop_mcp.api.access import Principal, Role
from runloop_mcp.api.errors import InvalidRequest

TOOLSETS: Final[Mapping[str, tuple[str, ...]]] = {
    "core": (
        "list_scenarios",
        "get_scenario",
        "start_run",
        "get_run",
        "list_runs",
        "exec_on_devbox",
        "get_execution",
        "read_file",
        "write_file",
        "edit_file",
        "score_run",
        "get_score",
        "complete_run",
        "cancel_run",
    ),
    "author": (
        "create_scenario",
        "update_scenario",
        "archive_scenario",
        "get_scenario_definition",
        "validate_scenario",
        "create_scorer",
        "update_scorer",
        "get_scorer",
        "list_scorers",
        "validate_scorer",
        "create_devbox",
        "snapshot_devbox",
        "list_snapshots",
        "create_blueprint",
        "get_blueprint",
        "list_blueprints",
        "list_devboxes",
        "shutdown_devbox",
        "delete_snapshot",
        "delete_blueprint",
    ),
    "benchmark": (
        "list_benchmarks",
        "create_benchmark",
        "start_benchmark_run",
        "get_benchmark_run",
        "list_benchmark_runs",
        "complete_benchmark_run",
        "cancel_benchmark_run",
        "update_benchmark",
        "archive_benchmark",
    ),
    "admin": (
        "get_run_log",
        "rescore_run",
        "list_devboxes",
        "shutdown_devbox",
        "list_secrets",
        "list_snapshots",
        "delete_snapshot",
        "list_blueprints",
        "delete_blueprint",
    ),
}
"""The tools of each toolset, in the order in which lists show them; one may be in several. Append, don't reorder."""

SOLVERS_TOOLS: Final = tuple(name for name in TOOLSETS["core"] if name != "start_run")
"""What a solver that is bound to a run may have."""

ALL: Final = "all"
"""Stands for all toolsets."""

ALIASES: Final[Mapping[str, str]] = {
    "execute_on_devbox": "exec_on_devbox",
    "start_scenario_run": "start_run",
    "get_scenario_run": "get_run",
    "list_scenario_runs": "list_runs",
    "score_scenario_run": "score_run",
    "complete_scenario_run": "complete_run",
    "cancel_scenario_run": "cancel_run",
    "snapshot_disk": "snapshot_devbox",
}
"""Other names that are answered and not listed: those that a tool had before, and those of Runloop's own operations."""

READING: Final = frozenset(
    {
        *("list_scenarios", "get_scenario", "get_run", "list_runs", "read_file", "get_score"),
        *("get_scenario_definition", "get_scorer", "list_scorers", "list_snapshots", "get_blueprint"),
        *("list_blueprints", "list_devboxes"),
        *("list_benchmarks", "get_benchmark_run", "list_benchmark_runs"),
        *("get_run_log", "list_secrets"),
    }
)
"""The tools that change nothing."""

AT_ONCE: Final = frozenset({"list_scenarios", "get_scenario", "get_run", "list_runs"})
"""Tools that read what a server has at hand, and wait for nothing unless they are asked to."""

OPERATORS: Final = frozenset({"author", "admin"})
"""The toolsets whose callers set tasks rather than solve them, and are shown what no solver may see."""


def all_tools() -> tuple[str, ...]:
    """Every tool there is, each once."""
    return tuple(dict.fromkeys(name for names in TOOLSETS.values() for name in names))


def is_operators(tool: str) -> bool:
    """Whether a tool is for those who set tasks, and never for solvers."""
    return all(toolset in OPERATORS for toolset, names in TOOLSETS.items() if tool in names)


_AUTHORING: Final = frozenset({"create_benchmark", "update_benchmark", "archive_benchmark"})
"""Tools of other toolsets that set tasks, and so are no solver's."""


def is_for(principal: Principal, tool: str) -> bool:
    """Whether a tool can be of use to a principal: one bound to a run works on that alone, a solver sets no tasks."""
    if principal.tools is not None and tool not in principal.tools:
        return False
    if principal.run_id is not None:
        return tool in SOLVERS_TOOLS
    return principal.role is Role.OPERATOR or not (is_operators(tool) or tool in _AUTHORING)


@dataclass(frozen=True, slots=True)
class Surface:
    """The tools that a server offers."""

    tools: tuple[str, ...]
    """In the order in which lists show them."""
    toolsets: frozenset[str] = frozenset({"core"})
    """The toolsets that are on."""
    read_only: bool = False

    @property
    def for_operators(self) -> bool:
        """Whether its callers are operators in what they are shown."""
        return not self.toolsets.isdisjoint(OPERATORS) or any(map(is_operators, self.tools))

    @property
    def for_all_runs(self) -> bool:
        """Whether operators are shown the runs of everybody, and not only those that they have started."""
        return "admin" in self.toolsets

    def offers_all_of(self, toolset: str, principal: Principal) -> bool:
        """Whether every tool of a toolset is offered that is for a principal, where any is."""
        wanted = {name for name in TOOLSETS[toolset] if is_for(principal, name)}
        return bool(wanted) and wanted <= set(self.tools)

    def why_off(self, tool: str) -> str:
        """What turns a tool on that there is but that is not offered."""
        if self.read_only and tool not in READING:
            return "This server was started with --read-only: it offers only tools that change nothing."
        homes = [toolset for toolset, names in TOOLSETS.items() if tool in names]
        if not self.toolsets.isdisjoint(homes):
            return "This server was started without it: --tools and --exclude-tools say which tools it offers."
        ways = " or ".join(f"--toolsets {','.join([*sorted(self.toolsets), home])}" for home in homes)
        return f"It is in the toolset {' and in '.join(homes)}, which is off: whoever starts the server adds {ways}."


def surface(
    toolsets: Sequence[str] = (),
    *,
    tools: Sequence[str] = (),
    exclude_tools: Sequence[str] = (),
    read_only: bool = False,
) -> Surface:
    """The surface that was asked for.

    Args:
        toolsets: The toolsets to offer, or `all`. Without any: `core`, or none where tools are named.
        tools: Tools to offer beside those of the toolsets.
        exclude_tools: Tools not to offer, whatever else asks for them.
        read_only: Offers only tools that change nothing, whatever else asks for others.

    Raises:
        InvalidRequest: A name is that of no toolset or tool, or nothing is left to offer.
    """
    on = _toolsets(toolsets or ((), ("core",))[not tools])
    named = {_tool(name) for name in tools}
    excluded = {_tool(name) for name in exclude_tools}
    offered = tuple(
        name
        for name in all_tools()
        if (name in named or any(name in TOOLSETS[toolset] for toolset in on))
        and name not in excluded
        and (name in READING or not read_only)
    )
    if not offered:
        raise InvalidRequest(
            "No tool is left to offer.",
            hint="Leave out --exclude-tools or --read-only, or name more in --toolsets or --tools.",
        )
    return Surface(offered, frozenset(on), read_only)


def _toolsets(names: Sequence[str]) -> tuple[str, ...]:
    wanted = [name.strip().lower() for name in names]
    for name in wanted:
        if name != ALL and name not in TOOLSETS:
            raise InvalidRequest(f"There is no toolset {_shown(name)}.", hint=_valid(name, [*TOOLSETS, ALL]))
    return tuple(toolset for toolset in TOOLSETS if toolset in wanted or ALL in wanted)


def _tool(name: str) -> str:
    name = name.strip()
    name = ALIASES.get(name, name)
    if name not in all_tools():
        raise InvalidRequest(f"There is no tool {_shown(name)}.", hint=_valid(name, all_tools()))
    return name


def _shown(name: str) -> str:
    return repr(name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…")


def _valid(name: str, names: Sequence[str]) -> str:
    import difflib  # noqa: PLC0415 - most names are right, and a server is to start fast

    near = difflib.get_close_matches(name, names, n=1)
    return (f"Did you mean {near[0]}? " if near else "") + f"There are: {', '.join(names)}."


_LONGEST_NAME: Final = 60

CORE: Final = surface()
"""What is offered where nothing else was asked for."""
