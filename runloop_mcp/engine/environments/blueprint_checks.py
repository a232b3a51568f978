"""What can't be a blueprint, or not with the devboxes that there are."""

import re
from collections.abc import Iterator

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.blueprint import BlueprintParams
from runloop_mcp.devbox.port import HOME, Driver
from runloop_mcp.engine.environments.blueprint_build import place_of
from runloop_mcp.engine.runs.launch import refuse_unsupported

_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_REF = re.compile(r"[A-Za-z0-9_./+@-]{1,250}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_OF_IMAGES = ("dockerfile", "build_args")
_NOWHERE = ("build_context", "services")


def refuse_faults(params: BlueprintParams, driver: Driver) -> None:
    """Raises what is wrong with a blueprint.

    Raises:
        InvalidRequest: The message names every field that is not valid, or not possible here.
    """
    faults = [*_faults(params), *_place_faults(params, driver)]
    if faults:
        raise InvalidRequest(
            "The blueprint is not valid. " + " ".join(faults), hint="Correct these fields and call again."
        )
    wanted = [field for field in _OF_IMAGES if getattr(params, field)]
    if wanted and not driver.builds_images:
        raise InvalidRequest(
            f"The blueprint's {', '.join(wanted)} need devboxes that are containers, and {driver.name} devboxes are"
            " not: their system is that of this machine.",
            hint="Use system_setup_commands that install into the home, or serve with --devbox docker.",
        )
    beyond = [field for field in _NOWHERE if getattr(params, field)]
    if beyond:
        raise InvalidRequest(
            f"The blueprint's {', '.join(beyond)} can't be had on this server.",
            hint="Give what the build needs in file_mounts and code_mounts, and start services in launch commands.",
        )
    if params.launch_parameters is not None:
        refuse_unsupported(params.launch_parameters)


def _faults(params: BlueprintParams) -> Iterator[str]:
    if not params.name.strip():
        yield "name: can't be blank."
    if params.base_blueprint_id is not None and params.base_blueprint_name is not None:
        yield "base_blueprint_id and base_blueprint_name: give one of the two."
    if params.dockerfile is not None and (params.base_blueprint_id or params.base_blueprint_name):
        yield "dockerfile and base_blueprint: an image begins from what its FROM names; give one of the two."
    for number, command in enumerate(params.system_setup_commands or []):
        if not command.strip() or "\0" in command:
            yield f"system_setup_commands[{number}]: must be a command."
    for variable in params.secrets or {}:
        if not _VARIABLE.fullmatch(variable):
            yield f"secrets: {variable!r} is no name of an environment variable."
    yield from _code_faults(params)


def _code_faults(params: BlueprintParams) -> Iterator[str]:
    seen: set[str] = set()
    for number, mount in enumerate(params.code_mounts or []):
        place = f"code_mounts[{number}]"
        for name, value in (("repo_name", mount.repo_name), ("repo_owner", mount.repo_owner)):
            if not _REPOSITORY.fullmatch(value) or set(value) == {"."} or value.startswith("-"):
                yield f"{place}.{name}: {value!r} is no name of a repository or its owner."
        if mount.git_ref and (not _REF.fullmatch(mount.git_ref) or mount.git_ref.startswith("-")):
            yield f"{place}.git_ref: {mount.git_ref!r} is no branch, tag or commit."
        if mount.repo_name in seen:
            yield f"{place}.repo_name: two repositories can't lie in one folder, {HOME}/{mount.repo_name}."
        seen.add(mount.repo_name)


def _place_faults(params: BlueprintParams, driver: Driver) -> Iterator[str]:
    for target in params.file_mounts or {}:
        try:
            path = place_of(target)
        except InvalidRequest as error:
            yield str(error)
            continue
        if not driver.builds_images and not path.startswith(f"{HOME}/"):
            yield f"file_mounts: {target!r} is not below {HOME}, which is all that a {driver.name} devbox keeps."


def is_settled(params: BlueprintParams) -> bool:
    """Whether the same parameters always mean the same: repositories change, but for a commit that is named."""
    return all(mount.git_ref and _COMMIT.fullmatch(mount.git_ref) for mount in params.code_mounts or [])
