"""What an operator hands to the solver of a run: where the server is, and a token that opens the run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runloop_mcp.api.access import RunTokens


@dataclass(frozen=True, slots=True)
class Minting:
    """Makes tokens of runs for operators over HTTP."""

    tokens: "RunTokens"
    address: Callable[[], str]
    """Where solvers reach the server, such as `https://runs.example/mcp`."""
