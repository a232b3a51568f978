"""One build of a blueprint, in a devbox that has a network: files, set-up commands, then repositories."""

import posixpath

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.blueprint import BlueprintParams
from runloop_mcp.devbox.port import HOME
from runloop_mcp.engine.environments.code import clone, folder_of, install
from runloop_mcp.engine.environments.site import Site


async def carry_out(site: Site, parameters: BlueprintParams) -> None:
    """Does all that a blueprint says.

    Args:
        site: Where: a devbox that has a network, and begins as the blueprint's base.
        parameters: What to do, with tokens.

    Raises:
        StepFailed: A step failed.
        Unavailable: The devbox was lost.
    """
    files = {place_of(target): content for target, content in (parameters.file_mounts or {}).items()}
    code = {folder_of(mount): mount for mount in parameters.code_mounts or []}
    # What is to lie in a clone is written into it: before, it would stand in its way.
    inside = {path: next((folder for folder in code if path.startswith(f"{folder}/")), None) for path in files}
    for path, content in files.items():
        if inside[path] is None:
            await site.write(path, _bytes(content))
    commands = parameters.system_setup_commands or []
    for number, command in enumerate(commands, start=1):
        await site.log.say(f"$ {command}")
        await site.run(command, what=f"Set-up command {number} of {len(commands)}")
    for folder, mount in code.items():
        await clone(site, mount)
        for path, content in files.items():
            if inside[path] == folder:
                await site.write(path, _bytes(content))
        await install(site, mount)


def _bytes(content: str) -> bytes:
    return content.encode(errors="surrogateescape")


def place_of(target: str, *, field: str = "file_mounts") -> str:
    """Where a file goes: an absolute path without detours.

    Raises:
        InvalidRequest: That is no place for a file.
    """
    path = posixpath.join(HOME, target.removeprefix("~/"))
    if not target.strip() or "\0" in target or target.endswith("/") or ".." in path.split("/"):
        raise InvalidRequest(
            f"{field}: {target!r} is no path for a file.",
            hint=f"Give a path below {HOME}, without '..': relative, absolute or with '~/'.",
        )
    return posixpath.normpath(path)
