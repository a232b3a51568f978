"""What some tools need beside a backend. Cheap to import: most servers have none of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runloop_mcp.api.proof import Prover
    from runloop_mcp.server.background import Background


@dataclass(frozen=True, slots=True)
class Services:
    """What some tools need beside a backend; those whose need is not met say so."""

    background: "Background | None" = None
    """Where work goes on that takes longer than a call may; whoever made it enters it, inside the backend."""
    prover: "Prover | None" = None
    """Proves scenarios."""


NONE = Services()
