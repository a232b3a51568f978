"""The kinds of mounts that there are, each imported when a mount of it is asked for first: most servers need none."""

# ruff: noqa: PLC0415 - that is what this module is for

from collections.abc import Callable
from typing import Any

from runloop_mcp.devbox.port import Driver
from runloop_mcp.engine.mounts.kind import MountKind
from runloop_mcp.engine.objects.contents import ObjectContents
from runloop_mcp.engine.store.database import Database


class MountKinds:
    """Makes what knows a kind of mount.

    Args:
        database: Tells which objects and agents there are.
        driver: Tells what devboxes have.
        contents: Has the contents of objects.
    """

    def __init__(self, database: Database, driver: Driver, contents: ObjectContents) -> None:
        self._database = database
        self._driver = driver
        self._contents = contents
        self._made: dict[str, MountKind[Any]] = {}
        self._makers: dict[str, Callable[[], MountKind[Any]]] = {
            "file_mount": self._files,
            "code_mount": self._code,
            "object_mount": self._objects,
            "agent_mount": self._agents,
        }

    def get(self, kind: str) -> MountKind[Any] | None:
        """What knows the mounts of a `type`, if there is such a one."""
        if kind not in self._made and kind in self._makers:
            self._made[kind] = self._makers[kind]()
        return self._made.get(kind)

    def _files(self) -> MountKind[Any]:
        from runloop_mcp.engine.mounts.file_mounts import FileMounts

        return FileMounts()

    def _code(self) -> MountKind[Any]:
        from runloop_mcp.engine.mounts.code_mounts import CodeMounts

        return CodeMounts()

    def _objects(self) -> MountKind[Any]:
        from runloop_mcp.engine.mounts.object_contents import MountedObjects
        from runloop_mcp.engine.mounts.object_mounts import ObjectMounts

        return ObjectMounts(MountedObjects(self._database, self._contents))

    def _agents(self) -> MountKind[Any]:
        from runloop_mcp.engine.mounts.agent_mounts import AgentMounts
        from runloop_mcp.engine.mounts.object_contents import MountedObjects

        return AgentMounts(self._database, self._driver, MountedObjects(self._database, self._contents))
