"""The one place where expected failures become what a caller reads: text for a model, or an error of the protocol."""

from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from runloop_mcp.api.errors import ApiError, InvalidRequest, NotFound
from runloop_mcp.server.printable import printable, shortened

_LONGEST = 6000
"""Characters of an error: enough for the output of a launch command that failed."""


def explain(error: ApiError) -> str:
    """What happened, what to do next, and whether the same call can succeed later."""
    text = printable(str(error))
    if error.retryable:
        when = f"in about {error.retry_after:.0f} s" if error.retry_after and error.retry_after >= 1 else "in a moment"
        text += f" The same call can succeed {when}."
    return shortened(text, _LONGEST)


def tool_error(error: ApiError, *, moves: str = "") -> ToolError:
    """The failure as the result of a tool.

    Args:
        error: What happened.
        moves: The state of the run and the calls that are valid in it, where that helps.
    """
    return ToolError("\n".join(part for part in (explain(error), moves) if part))


def resource_error(error: ApiError) -> ResourceError:
    """The failure as the answer to reading a resource."""
    kind = ResourceNotFoundError if isinstance(error, NotFound | InvalidRequest) else ResourceError
    return kind(explain(error))


def prompt_error(error: ApiError) -> MCPError:
    """The failure as the answer to asking for a prompt."""
    code = INVALID_PARAMS if isinstance(error, NotFound | InvalidRequest) else INTERNAL_ERROR
    return MCPError(code=code, message=explain(error))
