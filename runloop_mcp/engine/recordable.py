"""What may go into a run's record: nothing secret, nothing boundless."""

from collections.abc import Mapping

from runloop_mcp.api.trace import ToolCall, bounded
from runloop_mcp.engine.secrets.masking import Mask
from runloop_mcp.engine.store.executions import KeptCall


def recordable(data: Mapping[str, object], mask: Mask) -> dict[str, object]:
    """The data with secret values masked, and only then cut to size, so that no half of one is left."""
    return {str(name): bounded(value) for name, value in mask.within(dict(data)).items()}


def kept_call(call: ToolCall, mask: Mask) -> KeptCall:
    """The call as it is kept with the execution that it makes, which has the command."""
    arguments = {name: value for name, value in call.arguments.items() if name != "command"}
    return KeptCall(
        tool=call.tool,
        arguments=recordable(arguments, mask) if arguments else {},
        principal=call.principal,
        start_time_ms=call.start_time_ms,
    )
