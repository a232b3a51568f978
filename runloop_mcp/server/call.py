"""One call of a tool: what it works on, who makes it, and how it tells the caller that it is still at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from runloop_mcp.api.access import Principal
from runloop_mcp.api.backend import Backend
from runloop_mcp.api.disclosure import run_for_solver
from runloop_mcp.api.trace import ToolCall
from runloop_mcp.server.asking import Consent, Person, Question
from runloop_mcp.server.heartbeat import Report
from runloop_mcp.server.minting import Minting
from runloop_mcp.server.printable import sendable
from runloop_mcp.server.services import Services

if TYPE_CHECKING:
    from runloop_mcp.api.models.run import ScenarioRunView
    from runloop_mcp.server.targets import Target
    from runloop_mcp.server.tasks.deferral import Deferral


@dataclass(frozen=True, slots=True)
class Image:
    """An image for the caller to look at."""

    data: bytes
    mime_type: str


TOOL_USE_ID = "claudecode/toolUseId"
"""The `_meta` key by which a client names one use of a tool, the same when it sends the call again."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    backend: Backend
    principal: Principal
    meta: Mapping[str, Any]
    """The `_meta` of the request."""
    report: Report
    record: ToolCall
    """What the record of its run will tell of it."""
    targets: "dict[str, Target]" = field(default_factory=dict)
    """The devboxes of runs, as callers named them, that calls of this server have worked on."""
    deferral: "Deferral | None" = None
    """Where to leave the task that the call becomes, for callers that take one."""
    person: Person | None = None
    """Whoever sits at the client; None where nobody can be asked."""
    agreed: set[str] = field(default_factory=set)
    """What the person agreed to for as long as this server runs."""

    operates: bool = False
    """Whether the caller sets tasks rather than solves them, so that it is shown what no solver may see."""
    services: Services = field(default_factory=Services)
    minting: Minting | None = None
    """Makes tokens for solvers, where the caller may have them made."""

    async def consent(self, question: Question) -> Consent:
        """Whether the person at the client agrees, where there is one that can be asked.

        Raises:
            InputNeeded: The answer comes with another call.
        """
        consent = Consent.UNASKED if self.person is None else await self.person.consents(question)
        self.record.facts["consent"] = str(consent)
        return consent

    def shown(self, run: "ScenarioRunView") -> "ScenarioRunView":
        """The run as the caller may see it."""
        return run if self.operates else run_for_solver(run)

    def idempotency_key(self, given: str | None) -> str | None:
        """The key that makes a repeated call happen once: the caller's, else the client's own for this call.

        Keys are each principal's own: several can work on one devbox.
        """
        use = self.meta.get(TOOL_USE_ID)
        key = given or (f"tool-use:{sendable(use)}" if isinstance(use, str) and use else None)
        return None if key is None else f"{self.principal.id}/{key}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a tool answers: text for every client, and small typed values beside it where they help programs."""

    text: str
    structured: BaseModel | None = None
    image: Image | None = None
    """What clients that show images show beside the text."""
