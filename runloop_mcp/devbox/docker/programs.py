"""Which programs an image has, found by looking once."""

import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from runloop_mcp.api.errors import Unavailable
from runloop_mcp.devbox.port import Command, DevboxSpec, Driver

_SECONDS = 30.0
_LOOK = """
import json, os, platform
found = set()
for folder in os.environ["PATH"].split(":"):
    try:
        found |= {name for name in os.listdir(folder) if os.access(os.path.join(folder, name), os.X_OK)}
    except OSError:
        pass
print(json.dumps([platform.python_version(), sorted(found)]))
"""


class Programs:
    """Looks into images, and keeps what it saw in a folder.

    Args:
        folder: Made when it is needed.
    """

    @dataclass(frozen=True, slots=True)
    class Found:
        """What an image has."""

        image_id: str
        python: str
        """The version of its Python."""
        names: Collection[str]
        """The programs on its PATH."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Programs.Found] = {}
        self._looking = anyio.Lock()

    async def of(self, image_id: str, driver: Driver) -> Found:
        """What an image has; the first time it takes a devbox of the driver's default image, which this one must be."""
        async with self._looking:
            if image_id not in self._known:
                place = self._folder / f"{image_id.rpartition(':')[2]}.json"
                content = await anyio.to_thread.run_sync(_read, place)
                if content is None:
                    content = await _look(driver)
                    await anyio.to_thread.run_sync(_write, place, content)
                python, found = content
                self._known[image_id] = Programs.Found(image_id, python, frozenset(found))
            return self._known[image_id]


async def _look(driver: Driver) -> Any:
    output = bytearray()

    async def keep(data: bytes) -> None:
        output.extend(data)

    name = f"look-{secrets.token_hex(8)}"
    box = await driver.create(name, DevboxSpec())
    try:
        with anyio.fail_after(_SECONDS):
            process = await box.start(Command(("python3", "-I", "-S", "-c", _LOOK)), stdout=keep, stderr=keep)
            await process.wait()
        return json.loads(output)
    except (ValueError, TimeoutError) as error:
        raise Unavailable(f"A devbox does not run commands: {bytes(output[-500:]).decode(errors='replace')}") from error
    finally:
        with anyio.CancelScope(shield=True):
            await driver.remove(name)


def _read(place: Path) -> Any:
    try:
        return json.loads(place.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _write(place: Path, content: Any) -> None:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = place.with_suffix(f".{secrets.token_hex(4)}")
    fresh.write_text(json.dumps(content), encoding="utf-8")
    fresh.rename(place)
