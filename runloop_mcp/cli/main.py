"""The `runloop-mcp` command: its subcommands, and the one place where errors become a sentence and an exit code.

Exit codes: 0 done; 1 it could not be done, or what was looked at is not in order; 2 the command line was not
understood; 130 interrupted.
"""

import os
import sys
from importlib import import_module

import click

from runloop_mcp import __version__
from runloop_mcp.cli.failures import DEBUG_VARIABLE, report

_COMMANDS = {
    "serve": ("serve", "Serve MCP over stdio (the default), streamable HTTP or SSE."),
    "install": ("install", "Write this server into an MCP client's configuration."),
    "demo": ("demo", "Watch an agent's way through a scenario, from the list to the score."),
    "validate": ("validate", "Prove scenarios: untouched below 1.0, the reference exactly 1.0."),
    "eval": ("eval:eval_command", "Run a command-line agent over scenarios, and tell how well it does."),
    "doctor": ("doctor", "What works on this machine, what is missing, and how to mend it."),
    "scenarios": ("scenarios", "List and show scenarios, and begin one of your own."),
    "runs": ("runs", "List and show runs, and what they left."),
    "snapshots": ("snapshots", "Keep disks of devboxes, to begin scenarios from."),
    "blueprints": ("blueprints", "Build environments once, to begin scenarios from."),
    "secrets": ("secrets", "Set, list and delete values that runs get by name."),
    "keys": ("keys", "Make, list and revoke the keys of clients over HTTP."),
    "gc": ("gc", "Remove what is not needed any more, and say what that is."),
    "call": ("call", "Call one of the tools that agents have over MCP."),
    "skill": ("skill", "What coding agents that prefer the command line are told."),
    "config": ("config", "The settings in force, and where each comes from."),
}
"""Name: the module that holds it, and the line that `--help` shows, so that help imports none of them. After a colon,
by which name the module has it, where that is not the command's."""


class _Commands(click.Group):
    """Imports a subcommand's module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(f"runloop_mcp.cli.{module}"), name or cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="runloop-mcp", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Coding scenarios for LLM agents, over MCP: start a run, solve it on a devbox, get a score.

    Without a command it serves MCP over stdio, which is how MCP clients start it.
    """
    if ctx.invoked_subcommand is None:
        command = cli.get_command(ctx, "serve")
        assert command is not None  # noqa: S101 - it stands in the table above
        ctx.invoke(command)


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs the command line; every failure ends as a sentence on stderr and an exit code."""
    try:
        result = cli.main(args=arguments, prog_name="runloop-mcp", standalone_mode=False)
    except BaseException as error:
        if isinstance(error, SystemExit) or os.environ.get(DEBUG_VARIABLE):
            raise
        return report(error)
    return result if isinstance(result, int) else 0
