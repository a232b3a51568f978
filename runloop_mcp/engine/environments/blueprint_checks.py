"""What can't be a blueprint, or not with the devboxes that there are."""

import re
from collections.abc import Iterator

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.blueprint import BlueprintParams
from runloop_mcp.devbox.port import HOME, Driver
from runloop_mcp.engine.environments import code
from runloop_mcp.engine.environments.blueprint_build import place_of
from runloop_mcp.engine.environments.code import code_faults
from runloop_mcp.engine.runs.launch import refuse_unsupported

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
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
    yield from code_faults(params.code_mounts or [], field="code_mounts")


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
    return all(map(code.is_settled, params.code_mounts or []))
