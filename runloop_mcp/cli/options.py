"""Options that several commands share."""

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")

_FOLDER = click.Path(path_type=Path)

_BACKEND_OPTIONS: dict[str, Callable[..., Any]] = {
    "state_dir": click.option("--state-dir", type=_FOLDER, metavar="DIR", help="Where runs and devboxes are kept."),
    "scenarios": click.option(
        "--scenarios", type=_FOLDER, metavar="DIR", multiple=True, help="A further folder of scenarios."
    ),
    "backend": click.option("--backend", type=click.Choice(["local", "cloud"]), help="Who keeps scenarios and runs."),
    "devbox": click.option("--devbox", type=click.Choice(["sandbox", "docker", "runloop"]), help="What devboxes are."),
    "docker_image": click.option("--docker-image", metavar="IMAGE", help="What containers are made from."),
    "base_blueprint": click.option(
        "--base-blueprint", metavar="BLUEPRINT", help="What Runloop devboxes are made from, by id or name."
    ),
    "devbox_network": click.option(
        "--devbox-network", type=click.Choice(["none", "host"]), help="What local devboxes reach."
    ),
    "devbox_disks": click.option(
        "--devbox-disks",
        type=click.Choice(["auto", "overlay", "copy"]),
        help="Mounts what devboxes begin as, or copies it.",
    ),
    "max_devboxes": click.option(
        "--max-devboxes", type=click.IntRange(1), metavar="N", help="How many may be up at once; others wait in turn."
    ),
}


def state_option(command: Callable[P, R]) -> Callable[P, R]:
    """Adds `--state-dir` alone, for what needs no backend."""
    return _BACKEND_OPTIONS["state_dir"](command)  # type: ignore[no-any-return]  # click's decorators keep no types


def backend_options(command: Callable[..., R]) -> Callable[..., R]:
    """Adds the options that say which backend to use, and passes them on as one mapping, `flags`."""
    return _gathered(command, _BACKEND_OPTIONS)


def backend_options_but_scenarios(command: Callable[..., R]) -> Callable[..., R]:
    """Likewise, for a command that has an option `--scenarios` of its own."""
    return _gathered(command, {name: option for name, option in _BACKEND_OPTIONS.items() if name != "scenarios"})


def surface_options(command: Callable[P, R]) -> Callable[P, R]:
    """Adds the options that say which tools agents get.

    They read their variables themselves: a server over stdio knows its tools before it has settings.
    """
    for option in reversed(
        [
            click.option(
                "--toolsets",
                metavar="NAMES",
                envvar="RUNLOOP_MCP_TOOLSETS",
                help="Tools to offer: core, author, benchmark, admin or all, separated by commas.  [default: core]",
            ),
            click.option(
                "--tools",
                metavar="NAMES",
                envvar="RUNLOOP_MCP_TOOLS",
                help="Tools to offer beside those, or only these without --toolsets.",
            ),
            click.option(
                "--exclude-tools", metavar="NAMES", envvar="RUNLOOP_MCP_EXCLUDE_TOOLS", help="Tools not to offer."
            ),
            click.option(
                "--read-only",
                is_flag=True,
                envvar="RUNLOOP_MCP_READ_ONLY",
                help="Offer only tools that change nothing, whatever else is asked for.",
            ),
        ]
    ):
        command = option(command)
    return command


def _gathered(command: Callable[..., R], options: Mapping[str, Callable[..., Any]]) -> Callable[..., R]:
    @wraps(command)
    def gathered(*args: Any, **values: Any) -> R:
        flags = {name: values.pop(name) for name in options}
        return command(*args, flags=flags, **values)

    decorated: Callable[..., R] = gathered
    for option in reversed([*options.values()]):
        decorated = option(decorated)
    return decorated


def json_option(command: Callable[P, R]) -> Callable[P, R]:
    """Adds `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)
