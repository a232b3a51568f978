"""What the commands print and which telegrams they send, where all is well and where it is not."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def lamps(folder, state, *arguments):
    line = folder / "line.json"
    line.write_text(json.dumps(state))
    done = subprocess.run(
        [sys.executable, "-m", "lamps", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LAMPS_LINE": str(line)},
        capture_output=True,
        text=True,
    )
    log = folder / "line.json.log"
    return done.returncode, done.stdout, log.read_text().split("\n")[:-1] if log.exists() else []


def test_switch(tmp_path):
    assert lamps(tmp_path, {}, "switch", "7", "on") == (0, "lamp 7: done\n", ["set 7 255"])


def test_switch_a_busy_lamp(tmp_path):
    found = lamps(tmp_path, {"busy": {"7": 9}}, "switch", "7", "off")
    assert found == (1, "lamp 7: busy\n", ["set 7 0"] * 3)


def test_survey(tmp_path):
    found = lamps(tmp_path, {"levels": {"1": 10, "2": 21}, "dead": [3]}, "survey", "1", "2", "3")
    assert found == (1, "  1 10\n  2 21\n  3 dead\n2 lit, mean level 15.5\n", ["get 1", "get 2", "get 3"])
