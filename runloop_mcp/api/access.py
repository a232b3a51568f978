"""Who calls: principals, their roles, and the ports that tell them apart."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from runloop_mcp.api.models.key import KeyView, NewKey

if TYPE_CHECKING:
    # A server answers its client before it needs any model of scoring.
    from runloop_mcp.api.models.run_token import NewRunToken, RunTokenView
    from runloop_mcp.api.models.scoring import Disclosure


class Role(StrEnum):
    """What a caller may see and do."""

    OPERATOR = "operator"
    """Sets tasks, authors, rescores."""
    SOLVER = "solver"
    """The agent under test."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller: attempts are counted by principal."""

    id: str
    role: Role = Role.OPERATOR
    run_id: str | None = None
    """The one run that this principal is bound to, where it is bound to one."""
    tools: frozenset[str] | None = None
    """The only tools it may use; None where it may use all that its role may."""
    disclosure: "Disclosure | None" = None
    """The most that it learns of a score, where that may be less than the scenario discloses."""

    @property
    def operates(self) -> bool:
        """Whether it sets tasks, rather than solve them or work on the one run that it is bound to."""
        return self.role is Role.OPERATOR and self.run_id is None

    @property
    def is_everyones_operator(self) -> bool:
        """Whether all runs are its own: so for the person whose machine this is."""
        return self.id == _LOCAL and self.operates


_LOCAL: Final = "local"

LOCAL_OPERATOR = Principal(_LOCAL)
"""The person whose machine this is."""

PRINCIPAL: Final = "principal"
"""Where the state of an ASGI scope has the principal of a request over HTTP."""

SIGNED_PATHS: Final = "/v1/signed/"
"""Paths below this are reached without a key: whoever serves one verifies a token that was signed for it."""


class Access(ABC):
    """Keys and tokens, and the principals they stand for."""

    @abstractmethod
    async def authenticate(self, token: str) -> Principal:
        """The principal that a key or token stands for.

        Raises:
            Unauthorized: The token is not known, expired or revoked.
        """

    @abstractmethod
    def sign(self, purpose: str, *, seconds: float) -> str:
        """A token that is good for one purpose, such as a path, and for so long; it outlives the server."""

    @abstractmethod
    def verify(self, purpose: str, token: str) -> None:
        """Says whether a token was signed for a purpose and is still good.

        Raises:
            Unauthorized: It is not.
        """


class Keys(ABC):
    """The keys of a server, which an operator makes and revokes."""

    @abstractmethod
    async def create(self, name: str, role: Role = Role.OPERATOR) -> NewKey:
        """Makes a key for a principal of its own.

        Raises:
            InvalidRequest: The name is blank or too long, or a key that is good has it.
        """

    @abstractmethod
    async def list(self) -> Sequence[KeyView]:
        """All keys, newest first, with those that are revoked."""

    @abstractmethod
    async def revoke(self, key: str) -> KeyView:
        """Makes a key useless from now on, by its id or name, and with it the tokens of runs that it minted.

        It does nothing to one that is revoked.

        Raises:
            NotFound: There is none with this id or name.
        """


class RunTokens(ABC):
    """Tokens that open one run to its solver, and nothing else."""

    @abstractmethod
    async def mint(
        self,
        run_id: str,
        *,
        seconds: float,
        principal: Principal = LOCAL_OPERATOR,
        tools: Sequence[str] | None = None,
        disclosure: "Disclosure | None" = None,
    ) -> "NewRunToken":
        """Makes a token; whether there is such a run is the caller's to know.

        Args:
            run_id: The run.
            seconds: How long it is good for; it ends earlier with its run, or when it or its maker's key is revoked.
            principal: Who makes it.
            tools: The only tools that it opens; None for all that a solver has.
            disclosure: The most that its solver learns of the score; None for what the scenario discloses.
        """

    @abstractmethod
    async def list(self, run_id: str | None = None) -> "Sequence[RunTokenView]":
        """All tokens, or those of a run, newest first, with those that are revoked or have expired."""

    @abstractmethod
    async def revoke(self, token_id: str) -> "RunTokenView":
        """Makes a token useless from now on; does nothing to one that is revoked.

        Raises:
            NotFound: There is none with this id.
        """
