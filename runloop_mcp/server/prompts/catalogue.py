"""All prompts, in the order in which menus show them."""

from collections.abc import Collection
from typing import Final

from runloop_mcp.api.access import Principal
from runloop_mcp.server.prompts.authoring import AUTHOR_SCENARIO
from runloop_mcp.server.prompts.comparing import COMPARE_RUNS
from runloop_mcp.server.prompts.prompt import PromptKind
from runloop_mcp.server.prompts.reviewing import REVIEW_RUN
from runloop_mcp.server.prompts.solving import SOLVE_SCENARIO

_PROMPTS: Final = (SOLVE_SCENARIO, AUTHOR_SCENARIO, REVIEW_RUN, COMPARE_RUNS)


def prompts_for(principal: Principal, tools: Collection[str]) -> dict[str, PromptKind]:
    """The prompts that can be of use to a principal that has these tools, by name: a solver has one."""
    return {kind.listed.name: kind for kind in _PROMPTS if kind.is_for(principal, tools)}
