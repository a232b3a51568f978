"""Who calls: principals, their roles, and the port that tells them apart."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum


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


LOCAL_OPERATOR = Principal("local")
"""The person whose machine this is."""


class Access(ABC):
    """Keys and tokens, and the principals they stand for."""

    @abstractmethod
    async def authenticate(self, token: str) -> Principal:
        """The principal that a key or token stands for.

        Raises:
            Unauthorized: The token is not known, expired or revoked.
        """
