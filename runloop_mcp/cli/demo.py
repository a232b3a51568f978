"""`runloop-mcp demo`."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import anyio
import click
from mcp.shared.exceptions import MCPError

from runloop_mcp.api.errors import ApiError
from runloop_mcp.cli.demo_walk import Plan, Walk, connected, load_plan
from runloop_mcp.cli.failures import first
from runloop_mcp.cli.options import json_option
from runloop_mcp.cli.settings import load_settings
from runloop_mcp.cli.terminal import console, own_command, print_json
from runloop_mcp.cli.wiring import keeping_state_in

_SECONDS = 600
"""For the whole walk."""
_PAUSE = 0.35
"""Seconds between the steps on a terminal, so that an eye can follow."""


@click.command()
@click.option("--state-dir", type=click.Path(path_type=Path), metavar="DIR", help="Where the demo's own state goes.")
@click.option("--fast", is_flag=True, help="No pauses between the steps.")
@json_option
def demo(*, state_dir: Path | None, fast: bool, as_json: bool) -> int:
    """Watch an agent's way through a scenario, from the list to the score.

    Starts the real server as a child over stdio, with a state of its own that is deleted afterwards, and makes the
    calls that an agent would make. The steps are recorded; no model and no account are needed. The exit code is 0 when
    the score is 1.0.
    """
    settings = load_settings(state_dir=state_dir)
    plan = load_plan()
    began = time.monotonic()
    with _scratch(settings.state_dir) as scratch, (scratch / "server.log").open("w+") as log:
        try:
            walk = anyio.run(_walk, plan, scratch / "state", log, not as_json, fast)
        except (MCPError, BaseExceptionGroup) as error:
            if isinstance(first(error), MCPError):
                raise ApiError(f"The server did not go on: {first(error)}.", hint=_last_words(log)) from None
            raise
    card = walk.card
    score = card.score if card else None
    if as_json:
        print_json(
            {
                "scenario": plan.scenario,
                "run_id": walk.run_id,
                "score": score,
                "seconds": round(time.monotonic() - began, 3),
                "steps": [asdict(step) for step in walk.steps],
            }
        )
    return 0 if score == 1.0 else 1


async def _walk(plan: Plan, state: Path, log: TextIO, drawing: bool, fast: bool) -> Walk:
    try:
        with anyio.fail_after(_SECONDS):
            async with connected(state, log) as walk:
                if drawing:
                    await _draw(plan, walk, fast)
                else:
                    async for _ in walk.take(plan):
                        pass
                return walk
    except TimeoutError:
        raise ApiError(f"The demo did not end within {_SECONDS} s.", hint=_last_words(log)) from None


async def _draw(plan: Plan, walk: Walk, fast: bool) -> None:
    from runloop_mcp.cli.demo_screen import Screen

    drawn = console()
    screen = Screen(drawn)
    screen.title(
        f"An agent solves [bold]{plan.scenario}[/bold] over MCP: a real server over stdio, a real devbox on this "
        "machine, no account and no network.\nThe agent's steps are recorded; everything that answers them is live."
    )
    walk.announce = screen.announce
    began = time.monotonic()
    taken = walk.take(plan)
    while True:
        with screen.working():
            step = await anext(taken, None)
        if step is None:
            break
        screen.answer(step)
        if drawn.is_terminal and not fast:
            await anyio.sleep(_PAUSE)
    if walk.card:
        screen.score(walk.card, plan.scenario, time.monotonic() - began)
    if drawn.is_terminal:
        screen.next(_next_lines())


def _next_lines() -> list[tuple[str, str]]:
    command = own_command()
    return [
        ("give it to Claude Code", f"{command} install claude-code"),
        ("then ask it", '"List the scenarios, pick one and solve it."'),
        ("see the scenarios", f"{command} scenarios list"),
        ("see your runs and scores", f"{command} runs list"),
        ("other clients, and what a devbox is", "README.md"),
    ]


@contextmanager
def _scratch(state_dir: Path) -> Iterator[Path]:
    """A folder on the disk where devboxes are kept anyway, as not every disk can carry them; deleted in the end."""
    with keeping_state_in(state_dir):
        folder = Path(tempfile.mkdtemp(prefix="demo-", dir=state_dir))
    try:
        yield folder
    finally:
        _delete(folder)


def _delete(folder: Path) -> None:
    """Deletes a folder with everything in it; overlays leave directories that not even their owner may enter."""
    for here, names, _ in os.walk(folder):
        for name in names:
            path = Path(here, name)
            if not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(folder)


def _last_words(log: TextIO) -> str:
    log.seek(0)
    lines = log.read().strip().splitlines()
    return f"The server's last words: {lines[-1]}" if lines else "The server said nothing."
