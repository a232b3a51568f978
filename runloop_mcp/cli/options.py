"""Options that several commands share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")

_FOLDER = click.Path(path_type=Path)

_BACKEND_OPTIONS = [
    click.option("--state-dir", type=_FOLDER, metavar="DIR", help="Where runs and devboxes are kept."),
    click.option("--scenarios", type=_FOLDER, metavar="DIR", multiple=True, help="A further folder of scenarios."),
    click.option("--backend", type=click.Choice(["local", "cloud"]), help="Who keeps scenarios and runs."),
    click.option("--devbox-network", type=click.Choice(["none", "host"]), help="What local devboxes reach."),
    click.option(
        "--max-devboxes", type=click.IntRange(1), metavar="N", help="How many may be up at once; others wait in turn."
    ),
]
_BACKEND_NAMES = ("state_dir", "scenarios", "backend", "devbox_network", "max_devboxes")


def backend_options(command: Callable[..., R]) -> Callable[..., R]:
    """Adds the options that say which backend to use, and passes them on as one mapping, `flags`."""

    @wraps(command)
    def gathered(*args: Any, **values: Any) -> R:
        flags = {name: values.pop(name) for name in _BACKEND_NAMES}
        return command(*args, flags=flags, **values)

    decorated: Callable[..., R] = gathered
    for option in reversed(_BACKEND_OPTIONS):
        decorated = option(decorated)
    return decorated


def json_option(command: Callable[P, R]) -> Callable[P, R]:
    """Adds `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)
