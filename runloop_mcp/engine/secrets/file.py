"""Where values of secrets are kept: a file of its own, that only its owner can read.

Why not in the store: docs/decisions/0004-secrets.md. All calls but `look` block.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread

from runloop_mcp.api.errors import Conflict, Unavailable
from runloop_mcp.engine.file_lock import FileLock

_FORMAT = 1
_LOCK_SECONDS = 10.0
_SMALL_BYTES = 64 * 1024
"""A file that is read and parsed in less than two hand-overs between threads take."""
_OTHERS = 0o077


@dataclass(slots=True)
class Secret:
    """A secret, with its value."""

    id: str
    name: str
    create_time_ms: int
    update_time_ms: int
    value: str = field(repr=False)


class SecretsFile:
    """All secrets in one JSON file, replaced whole at each change, by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "secrets.json"
        self._fresh = folder / "secrets.json.new"
        self._lock_path = folder / "secrets.lock"

    def read(self) -> dict[str, Secret]:
        """The secrets by name, as they are now.

        Raises:
            Unavailable: The file can't be read, is damaged, or others than its owner could read it.
        """
        try:
            with self.path.open(encoding="utf-8") as file:
                mode = os.fstat(file.fileno()).st_mode
                content = file.read()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise _damaged(self.path, type(error).__name__) from None
        if mode & _OTHERS:
            raise Unavailable(
                f"The file of secrets {self.path} can be read by others than its owner, so it is not used.",
                hint=f"Close it to them: chmod 600 {self.path}. Whoever could read it may know the values.",
            )
        return _parsed(self.path, content)

    async def look(self) -> dict[str, Secret]:
        """Like `read`, without holding up the event loop: a large file is read in a thread.

        Raises:
            Unavailable: As by `read`.
        """
        return self.read() if self._is_small() else await to_thread.run_sync(self.read)

    def _is_small(self) -> bool:
        try:
            return self.path.stat().st_size <= _SMALL_BYTES
        except OSError:
            return True  # whatever is wrong with it, reading tells at once

    @contextlib.contextmanager
    def changing(self) -> Iterator[dict[str, Secret]]:
        """The secrets by name, to be changed; kept when the block ends, unless it raises.

        Raises:
            Unavailable: The file can't be read or written.
            Conflict: Another process has been changing it for long.
        """
        with self._locked():
            secrets = self.read()
            yield secrets
            self._write(secrets)

    def remove_leftover(self) -> bool:
        """Deletes what a process left that was killed while it wrote; whether there was something."""
        if not self._fresh.exists():
            return False
        with self._locked():
            self._fresh.unlink(missing_ok=True)
        return True

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # One for each change, as threads of this process must keep each other out too.
        lock = FileLock(self._lock_path, taken="Another process is changing the secrets")
        end = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                lock.acquire()
                break
            except Conflict:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
        try:
            yield
        finally:
            lock.release(forget=False)

    def _write(self, secrets: dict[str, Secret]) -> None:
        listed = [{name: getattr(secret, name) for name in Secret.__slots__} for secret in secrets.values()]
        try:
            # Made anew, so that its mode is ours from the first byte on, whatever was left there.
            self._fresh.unlink(missing_ok=True)
            opened = os.open(self._fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(opened, "w", encoding="utf-8") as file:
                json.dump({"format": _FORMAT, "secrets": listed}, file)
                file.flush()
                os.fsync(file.fileno())
            self._fresh.rename(self.path)
            _settle(self.path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._fresh.unlink(missing_ok=True)
            raise Unavailable(
                f"The file of secrets {self.path} can't be written: {error.strerror}.",
                hint="Look for space and rights in the state directory.",
            ) from None


def _settle(folder: Path) -> None:
    """Makes a renaming outlast a power cut."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _parsed(path: Path, content: str) -> dict[str, Secret]:
    try:
        about = json.loads(content)
        if about["format"] != _FORMAT:
            raise Unavailable(
                f"The file of secrets {path} was written by a newer runloop-mcp.", hint="Upgrade this one."
            )
        return {each["name"]: Secret(**each) for each in about["secrets"]}
    except (ValueError, TypeError, KeyError) as error:
        # Not from the error, whose text may hold a part of the file.
        raise _damaged(path, type(error).__name__) from None


def _damaged(path: Path, how: str) -> Unavailable:
    return Unavailable(
        f"The file of secrets {path} can't be read ({how}).",
        hint="Mend it, or move it away and set the secrets again: runloop-mcp secrets set NAME.",
    )
