"""Settings: flags beat the environment, the environment beats the defaults."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Command = Callable[..., CompletedProcess[str]]


def test_flags_beat_the_environment_and_that_beats_defaults(runloop: Command, tmp_path: Path) -> None:
    """Each setting comes from the strongest place that names it, and says which that is."""
    variables = {"RUNLOOP_MCP_DEVBOX_NETWORK": "host", "RUNLOOP_MCP_PORT": "9000"}
    shown = json.loads(runloop("config", "--json", "--devbox-network", "none", **variables).stdout)
    assert shown["devbox_network"] == {"value": "none", "source": "flag"}
    assert shown["port"] == {"value": 9000, "source": "RUNLOOP_MCP_PORT"}
    assert shown["host"] == {"value": "127.0.0.1", "source": "default"}
    assert shown["state_dir"]["value"] == str(tmp_path / "state")


def test_secrets_are_masked(runloop: Command) -> None:
    """Neither a key nor credentials in an address are ever shown."""
    variables = {"RUNLOOP_API_KEY": "tell-nobody", "RUNLOOP_BASE_URL": "https://me:tell-nobody@api.example"}
    for options in ((), ("--json",)):
        shown = runloop("config", *options, **variables)
        assert shown.returncode == 0
        assert "tell-nobody" not in shown.stdout + shown.stderr
        assert "******" in shown.stdout
        assert "https://api.example" in shown.stdout


def test_folders_of_scenarios_are_added(runloop: Command, tmp_path: Path) -> None:
    """Several folders can be named in the variable, or by repeating the flag."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    named = json.loads(runloop("config", "--json", RUNLOOP_MCP_SCENARIOS=f"{first}:{second}").stdout)
    flags = json.loads(runloop("config", "--json", "--scenarios", str(first), "--scenarios", str(second)).stdout)
    assert named["scenarios"]["value"] == flags["scenarios"]["value"] == [str(first), str(second)]


def test_table_fits_a_small_terminal(runloop: Command) -> None:
    """On a terminal of 80 columns names stay in one piece; what is long beside them is wrapped, not cut off."""
    shown = runloop("config", FORCE_COLOR="1", COLUMNS="80", RUNLOOP_MCP_STATE_DIR=f"/{'long-' * 20}end").stdout
    shown = re.sub("\x1b\\[[0-9;]*m", "", shown)
    words = shown.split()
    assert {"devbox_network", "oauth_operator_scope", "RUNLOOP_MCP_", "RUNLOOP_API_KEY,"} <= set(words)
    assert sum(word.count("long-") for word in words) >= 15
    assert max(len(line) for line in shown.splitlines()) <= 80
