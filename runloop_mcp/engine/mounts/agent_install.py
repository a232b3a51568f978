"""Installing an agent in a devbox: its package or repository where there is a network, its programs on the PATH."""

import base64
import posixpath
import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from runloop_mcp.api.models.agent import AgentView, GitSource, NpmSource, PipSource
from runloop_mcp.engine.environments.site import Site
from runloop_mcp.engine.scoring.tools import UV, tool_folder

_SHORT: Final = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_NPM: Final = """\
cache=$(mktemp -d) || exit
npm install --global --prefix "$HOME/.local" --cache "$cache" --no-audit --no-fund --no-update-notifier \
  ${2:+--registry "$2"} -- "$1"
status=$?
rm -rf -- "$cache"
exit "$status"
"""
_PIP: Final = """\
folder=$HOME/.local/share/agents/$2
index=${3:+--index-url=$3}
uv=$(command -v uv || echo "$4")
system=$(command -v /usr/bin/python3 || command -v python3)
if [ -x "$uv" ]; then
  "$uv" --no-cache --no-config --quiet venv --python "$system" "$folder" &&
    "$uv" --no-cache --no-config --quiet pip install --python "$folder/bin/python" --link-mode copy $index -- "$1" ||
    exit
elif "$system" -m venv --without-pip "$folder" && "$system" -m pip --python "$folder/bin/python" --version > /dev/null
then
  "$system" -m pip --python "$folder/bin/python" install --no-cache-dir --no-input --quiet $index -- "$1" || exit
elif "$system" -m venv --clear "$folder"; then
  "$folder/bin/python" -m pip install --no-cache-dir --no-input --quiet $index -- "$1" || exit
else
  echo "Installing Python packages needs uv, or a Python that has pip or venv, and none of these is here." >&2
  exit 1
fi
mkdir -p "$HOME/.local/bin"
for program in "$folder"/bin/*; do
  case ${program##*/} in python* | pip | pip[0-9]* | [Aa]ctivate* | deactivate* | pydoc*) continue ;; esac
  ln -sf "$program" "$HOME/.local/bin/" || exit
done
"""
"""A virtual environment of its own: packages of the agent are none of the scenario's."""
_GIT: Final = """\
git -c advice.detachedHead=false clone --quiet -- "$1" "$2" || exit
if [ -n "$3" ]; then git -c advice.detachedHead=false -C "$2" checkout --quiet "$3" --; fi
"""
_SETUP: Final = 'PATH="$HOME/.local/bin:$PATH" exec bash -c "$1"'


async def install_npm(site: Site, agent: AgentView, source: NpmSource) -> None:
    """Installs a package of npm.

    Raises:
        StepFailed: It can't be installed.
        Unavailable: The devbox was lost.
    """
    package = _pinned(source.package_name, agent.version, "@")
    await site.log.say(f"Installing {package} with npm")
    await site.run(
        _NPM, package, source.registry_url or "", what=f"Installing the agent {agent.name!r} from npm ({package})"
    )


async def install_pip(site: Site, agent: AgentView, source: PipSource) -> None:
    """Installs a package of PyPI, in a virtual environment of its own.

    Raises:
        StepFailed: It can't be installed.
        Unavailable: The devbox was lost.
    """
    package = _pinned(source.package_name, agent.version, "==")
    await site.log.say(f"Installing {package} with pip or uv")
    await site.run(
        _PIP,
        package,
        agent.id,
        source.registry_url or "",
        f"{tool_folder(UV)}/{UV}",
        what=f"Installing the agent {agent.name!r} with pip ({package})",
    )


async def clone_git(site: Site, agent: AgentView, source: GitSource, folder: str, *, token: SecretStr | None) -> None:
    """Clones a repository.

    Raises:
        StepFailed: It can't be cloned.
        Unavailable: The devbox was lost.
    """
    url = repository_url(source.repository, site.code_host)
    at = f" at {source.ref}" if source.ref else ""
    await site.log.say(f"Cloning {url}{at} into {folder}")
    environment = {"GIT_TERMINAL_PROMPT": "0"}
    if token is not None:
        # For this command alone, and not in the clone's own configuration, which stays.
        parts = urlsplit(url)
        given = base64.b64encode(f"x-access-token:{token.get_secret_value()}".encode()).decode()
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {given}",
        }
    await site.run(
        _GIT, url, folder, source.ref or "", what=f"Cloning the agent {agent.name!r} ({url})", more=environment
    )


async def set_up(site: Site, agent: AgentView, commands: list[str] | None, folder: str) -> None:
    """Runs the set-up commands of an agent, in order.

    Raises:
        StepFailed: One failed.
        Unavailable: The devbox was lost.
    """
    for number, command in enumerate(commands or (), start=1):
        await site.log.say(f"$ {command}")
        what = f"Set-up command {number} of {len(commands or ())} of the agent {agent.name!r}"
        await site.run(_SETUP, command, folder=folder, what=what)


def repository_url(repository: str, code_host: str) -> str:
    """Where a repository is: `owner/name` is one of the host that code mounts come from."""
    return f"{code_host}/{repository}.git" if _SHORT.fullmatch(repository) else repository


def folder_name(repository: str) -> str:
    """What a clone of a repository is called."""
    return posixpath.basename(repository.rstrip("/").replace(":", "/")).removesuffix(".git") or "agent"


def _pinned(package: str, version: str | None, operator: str) -> str:
    """The package at the agent's version, unless it names one itself."""
    named = "@" in package[1:] if operator == "@" else re.search(r"[=<>~!@]", package) is not None
    return package if named or not version else f"{package}{operator}{version}"
