"""Repositories that are cloned into a home: what can be one, and cloning it."""

import base64
import re
import shlex
from collections.abc import Iterator, Sequence

from runloop_mcp.api.models.blueprint import CodeMount
from runloop_mcp.devbox.port import HOME
from runloop_mcp.engine.environments.site import Site

_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_REF = re.compile(r"[A-Za-z0-9_./+@-]{1,250}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CLONE = """\
git -c advice.detachedHead=false clone --quiet -- "$1" "$2" || exit
if [ -n "$3" ]; then git -c advice.detachedHead=false -C "$2" checkout --quiet "$3" --; fi
"""


def code_faults(mounts: Sequence[CodeMount], *, field: str) -> Iterator[str]:
    """What is wrong with repositories that are to lie in one home, each fault as a sentence that names the field."""
    seen: set[str] = set()
    for number, mount in enumerate(mounts):
        place = f"{field}[{number}]"
        for name, value in (("repo_name", mount.repo_name), ("repo_owner", mount.repo_owner)):
            if not _REPOSITORY.fullmatch(value) or set(value) == {"."} or value.startswith("-"):
                yield f"{place}.{name}: {value!r} is no name of a repository or its owner."
        if mount.git_ref and (not _REF.fullmatch(mount.git_ref) or mount.git_ref.startswith("-")):
            yield f"{place}.git_ref: {mount.git_ref!r} is no branch, tag or commit."
        if mount.repo_name in seen:
            yield f"{place}.repo_name: two repositories can't lie in one folder, {folder_of(mount)}."
        seen.add(mount.repo_name)


def folder_of(mount: CodeMount) -> str:
    """Where a repository goes."""
    return f"{HOME}/{mount.repo_name}"


def is_settled(mount: CodeMount) -> bool:
    """Whether it always means the same: repositories change, but for a commit that is named."""
    return bool(mount.git_ref and _COMMIT.fullmatch(mount.git_ref))


async def clone(site: Site, mount: CodeMount) -> None:
    """Clones a repository.

    Raises:
        StepFailed: It can't be cloned.
    """
    folder, host = folder_of(mount), site.code_host
    url = f"{host}/{mount.repo_owner}/{mount.repo_name}.git"
    await site.log.say(f"Cloning {url}{f' at {mount.git_ref}' if mount.git_ref else ''} into {folder}")
    environment = {"GIT_TERMINAL_PROMPT": "0"}
    if mount.token is not None:
        # For this command alone, and not in the clone's own configuration, which stays.
        given = base64.b64encode(f"x-access-token:{mount.token.get_secret_value()}".encode()).decode()
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{host}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {given}",
        }
    await site.run(_CLONE, url, folder, mount.git_ref or "", what=f"Cloning {_name(mount)}", more=environment)


async def install(site: Site, mount: CodeMount) -> None:
    """Runs the install command of a repository that is cloned, where it has one.

    Raises:
        StepFailed: It failed.
    """
    if mount.install_command:
        folder = folder_of(mount)
        await site.log.say(f"$ cd {shlex.quote(folder)} && {mount.install_command}")
        await site.run(mount.install_command, folder=folder, what=f"The install command of {_name(mount)}")


def _name(mount: CodeMount) -> str:
    return f"{mount.repo_owner}/{mount.repo_name}"
