"""What each kind of mount has to know and to do."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from runloop_mcp.api.models.base import WireModel
from runloop_mcp.engine.environments.site import Site

M = TypeVar("M", bound=WireModel)


class MountKind(ABC, Generic[M]):
    """One kind of mount. Every mount of it is settled once, when it is asked for, and then only put."""

    @abstractmethod
    async def settled(self, mount: M, *, field: str) -> M:
        """The mount as it will be put: what a name means now stands in its place, such as the id of the newest agent.

        Args:
            mount: As it was asked for.
            field: Its place in the request, for messages: `mounts[2]`.

        Raises:
            NotFound: What it names is not there.
            InvalidRequest: A field is not valid.
            InvalidState: What it names can't be mounted (yet).
            Unavailable: Devboxes here lack what it needs.
        """

    async def needs_network(self, mount: M) -> bool:  # noqa: ARG002 - for those that do
        """Whether it is put into a builder devbox, whose disk the devbox then begins as."""
        return False

    async def identity(self, mount: M) -> str | None:
        """Names what it results in, to be built once for all; None where that changes with time, or is not for all."""
        return mount.model_dump_json(by_alias=True, exclude_none=True)

    def secret(self, mount: M) -> str | None:  # noqa: ARG002 - for those that have one
        """Its token: used when it is put, kept nowhere, and covered in everything that is told."""
        return None

    def without_secret(self, mount: M) -> M:
        """The mount as it is kept and shown."""
        return mount

    @abstractmethod
    async def put(self, mount: M, site: Site) -> None:
        """Puts it into a devbox, below the home.

        Args:
            mount: As it was settled.
            site: Where: the builder devbox where it needs a network, else the devbox itself.

        Raises:
            StepFailed: It can't be put.
            Unavailable: The devbox was lost.
        """
