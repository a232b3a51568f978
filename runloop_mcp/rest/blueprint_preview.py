"""What a blueprint's build does, written as a Dockerfile."""

import shlex
from collections.abc import Iterator
from typing import Final

from runloop_mcp.api.models.blueprint import BlueprintParams, CodeMount

_DEFAULT_BASE: Final = "runloop-mcp/devbox"


def preview_dockerfile(params: BlueprintParams) -> str:
    """The steps of a build in their order: what it begins from, files, repositories, commands.

    It names secrets, and holds neither them nor tokens.
    """
    return "\n".join(_lines(params)) + "\n"


def _lines(params: BlueprintParams) -> Iterator[str]:
    if params.dockerfile is not None:
        yield params.dockerfile.rstrip("\n")
    else:
        yield f"FROM {params.base_blueprint_id or params.base_blueprint_name or _DEFAULT_BASE}"
    for variable, secret in (params.secrets or {}).items():
        yield f"# The build gets the secret {secret} as {variable}."
    for path, contents in (params.file_mounts or {}).items():
        yield from _file(path, contents)
    for mount in params.code_mounts or []:
        yield f"RUN {_clone(mount)}"
    for command in params.system_setup_commands or []:
        yield _run(command)


def _file(path: str, contents: str) -> Iterator[str]:
    end = _end_of(contents)
    yield f"COPY <<'{end}' {path}"
    yield contents.removesuffix("\n")
    yield end


def _run(command: str) -> str:
    if "\n" not in command:
        return f"RUN {command}"
    end = _end_of(command)
    return f"RUN <<'{end}'\n{command}\n{end}"


def _end_of(text: str) -> str:
    """A word that stands on none of its lines."""
    end = "EOF"
    while end in text.splitlines():
        end += "_"
    return end


def _clone(mount: CodeMount) -> str:
    name = shlex.quote(mount.repo_name)
    address = shlex.quote(f"https://github.com/{mount.repo_owner}/{mount.repo_name}.git")
    steps = [f"git clone {address} ~/{name}"]
    if mount.git_ref is not None:
        steps.append(f"git -C ~/{name} checkout {shlex.quote(mount.git_ref)}")
    if mount.install_command is not None:
        steps.append(f"cd ~/{name} && {mount.install_command}")
    return " && ".join(steps)
