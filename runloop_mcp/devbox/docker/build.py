"""Images from Dockerfiles, built by the engine."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import anyio.to_thread

from runloop_mcp.api.errors import InvalidRequest, NotFound, Unavailable
from runloop_mcp.devbox.port import ImageSource, OutputSink

from . import archives
from .archives import Packer
from .engine import Engine, Refused

_NAME = "Dockerfile.runloop-mcp"
"""What the Dockerfile is called among the files that go along, none of which it may hide."""
_END_OF_LOG = 2000


async def build_image(
    engine: Engine,
    image: ImageSource,
    context: Path | None,
    labels: Mapping[str, str],
    network: bool,
    log: OutputSink,
) -> str:
    """Builds an image and gives its id; see `DockerDriver.build`."""
    archive = await anyio.to_thread.run_sync(_pack, image.dockerfile, context)
    said: list[str] = []
    built = ""
    with archive:
        try:
            messages = engine.send(
                "/build",
                archives.parts(archive),
                dockerfile=_NAME,
                buildargs=dict(image.build_args),
                labels=dict(labels),
                networkmode="host" if network else "none",
                rm=True,
                forcerm=True,
            )
            async for message in messages:
                if text := message.get("stream"):
                    said.append(text)
                    await log(text.encode())
                if error := message.get("error"):
                    raise _failed(str(error), said)
                built = (message.get("aux") or {}).get("ID") or _named_in(message) or built
        except Refused as refused:
            if refused.status >= 500:
                raise Unavailable(f"The engine can't build: {refused.message}", hint="Look at its log.") from refused
            raise _failed(refused.message, said) from refused
    if not built:
        raise _failed("it gave no image", said)
    about = await engine.get(f"/images/{built}/json")
    return str(about["Id"])


def _pack(dockerfile: str, context: Path | None) -> IO[bytes]:
    if context is None:
        with tempfile.TemporaryDirectory() as empty:
            return _packed(dockerfile, Path(empty))
    if not context.is_dir():
        raise NotFound(f"There is no folder {context} to build from.", hint="Name a folder.")
    return _packed(dockerfile, context)


def _packed(dockerfile: str, context: Path) -> IO[bytes]:
    packer = Packer()
    packer.tree(context, ".", 0)
    packer.text(_NAME, dockerfile.encode())
    return packer.finish()


def _named_in(message: Mapping[str, str]) -> str:
    """The image that a line of the log tells of, from an engine that tells nowhere else."""
    _, found, name = str(message.get("stream") or "").strip().partition("Successfully built ")
    return name if found else ""


def _failed(reason: str, log: list[str]) -> InvalidRequest:
    end = "".join(log)[-_END_OF_LOG:].strip()
    return InvalidRequest(
        f"The image could not be built: {reason.strip()}", hint=f"The end of its log:\n{end}" if end else ""
    )
