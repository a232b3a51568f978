"""How a client starts this server: the command and its arguments, which hold wherever the client runs them."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import click
from click.core import ParameterSource

from runloop_mcp.api.errors import InvalidRequest

PACKAGE = "runloop-mcp"


class Launcher(StrEnum):
    """What starts it."""

    SCRIPT = "script"
    UVX = "uvx"
    PIPX = "pipx"


def own_launcher() -> Launcher:
    """What fits how this program was started: an environment that uvx or pipx made for one run is gone tomorrow."""
    parts = Path(sys.prefix).parts
    if "uv" in parts and any(part.startswith(("archive-v", "environments-v")) for part in parts):
        return Launcher.UVX
    if "pipx" in parts and any(part in (".cache", "cache") for part in parts):
        return Launcher.PIPX
    return Launcher.SCRIPT


def command_line(launcher: Launcher, options: Sequence[str], *, is_shared: bool = False) -> tuple[str, list[str]]:
    """The command and its arguments.

    Args:
        launcher: What starts it.
        options: Of `serve`.
        is_shared: Whether other machines read it too, which have their own places for programs.

    Raises:
        InvalidRequest: There is no such program here.
    """
    arguments = ["serve", *options] if options else []
    source = _source(is_shared=is_shared)
    if launcher is Launcher.UVX:
        return _program("uvx", is_shared=is_shared), [*(["--from", source] if source else []), PACKAGE, *arguments]
    if launcher is Launcher.PIPX:
        return _program("pipx", is_shared=is_shared), [
            *("run", *(["--spec", source] if source else []), PACKAGE),
            *arguments,
        ]
    script = Path(sys.executable).with_name("runloop-mcp.exe" if sys.platform == "win32" else "runloop-mcp")
    if is_shared:
        return PACKAGE, arguments
    if script.exists():
        return str(script), arguments
    return sys.executable, ["-m", "runloop_mcp", *arguments]


def _source(*, is_shared: bool) -> str | None:
    """Where this program was installed from, if not from an index: it may be in none, or be something else there."""
    try:
        told = json.loads(distribution(PACKAGE).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return None
    url = str(told.get("url", ""))
    if url.startswith("file:"):
        return None if is_shared else url2pathname(urlsplit(url).path)
    origin = told.get("vcs_info")
    return f"{origin['vcs']}+{url}@{origin['commit_id']}" if origin else url or None


def _program(name: str, *, is_shared: bool) -> str:
    """A program by its place: clients with a window don't know the PATH of a shell."""
    found = shutil.which(name)
    if found is None:
        raise InvalidRequest(f"There is no {name} on the PATH.", hint="Install it, or choose --launcher script.")
    return name if is_shared else found


def serve_options(arguments: Sequence[str]) -> tuple[list[str], dict[str, object]]:
    """The options of `serve` that were given, in their long form and with absolute paths; and their values by name.

    Raises:
        click.UsageError: `serve` would not understand them, or would not serve stdio with them.
        InvalidRequest: A value is not valid.
    """
    from runloop_mcp.cli.serve import check_over_stdio, serve

    with serve.make_context("install", list(arguments), resilient_parsing=False) as context:
        given = {
            parameter: context.params[parameter.name]
            for parameter in serve.params
            if parameter.name and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        }
    values = {str(parameter.name): value for parameter, value in given.items()}
    if values:
        check_over_stdio(values)
    options = [
        word for parameter, value in given.items() if parameter.name != "transport" for word in _words(parameter, value)
    ]
    return options, values


def _words(parameter: click.Parameter, value: object) -> list[str]:
    name = max(parameter.opts, key=len)
    if isinstance(value, bool):
        return [name if value else max(parameter.secondary_opts, key=len)]
    values = value if isinstance(value, (tuple, list)) else (value,)
    return [word for one in values for word in (name, _text(one))]


def _text(value: object) -> str:
    return os.path.abspath(value.expanduser()) if isinstance(value, Path) else str(value)  # noqa: PTH100 - without ".."
