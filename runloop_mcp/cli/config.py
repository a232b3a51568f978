"""`runloop-mcp config`."""

from urllib.parse import urlsplit, urlunsplit

import click
from pydantic import SecretStr

from runloop_mcp.cli.options import backend_options, json_option
from runloop_mcp.cli.settings import PREFIX, Settings, load_settings, sources, variable
from runloop_mcp.cli.terminal import print_json, print_table


@click.command()
@backend_options
@json_option
def config(*, flags: dict[str, object], as_json: bool) -> None:
    """The settings in force, and where each comes from; secrets are masked."""
    settings = load_settings(**flags)
    origins = sources(settings, flags)
    shown = {name: _shown(getattr(settings, name)) for name in Settings.model_fields}
    if as_json:
        print_json({name: {"value": value, "source": origins[name]} for name, value in shown.items()})
        return
    rows = [
        (
            name,
            (", ".join(value) if isinstance(value, list) else str(value or "")) or "-",
            origins[name] if origins[name] in ("flag", "default") else "variable",
        )
        for name, value in shown.items()
    ]
    print_table(("setting", "value", "from"), rows)
    own = [name for name in Settings.model_fields if not variable(name).startswith(PREFIX)]
    click.echo(f"\nEach has a variable: {PREFIX} and its name in capitals.")
    click.echo(f"But {', '.join(f'{name} has {variable(name)}' for name in own)}.")


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "******"
    if isinstance(value, list):
        return [str(part) for part in value]
    if isinstance(value, str) and "://" in value:
        return _without_credentials(value)
    return value if isinstance(value, int) or value is None else str(value)


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
