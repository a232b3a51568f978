"""A planted secret, used in every way that a run can: it is nowhere but where it was put and in what was printed."""

import base64
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_agent import Tools, scenario_folder

_VALUE = "hush-4711-planted-canary-hush"


def _forms() -> list[bytes]:
    """The value as it is, and as each of the ways in which base 64 can hold it."""
    shifted = [base64.b64encode(b" " * shift + _VALUE.encode())[4:-4] for shift in range(3)]
    return [_VALUE.encode(), *shifted]


def _places(folder: Path) -> Iterator[Path]:
    """The files in which some form of the value is."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if any(form in content for form in _forms()):
                yield path


async def _play(tools: Tools) -> str:
    """A solver's calls, and all that came back."""
    scenarios = {
        each["name"]: each["scenario_id"] for each in (await tools.call("list_scenarios")).structured["scenarios"]
    }
    bound = {"scenario_id": scenarios["uses-it"], "secrets": {"KEY": "PLANTED"}}
    told = [await tools.refused("start_run", scenario_id=scenarios["uses-it"])]
    started = await tools.call("start_run", **bound, environment_variables={"REGION": "north"})
    run_id = started.found(r"scr_\w+")
    loud = await tools.call("exec_on_devbox", run_id=run_id, command=f'env; echo "{_VALUE}"; echo "$KEY" >&2; set')
    execution_id = loud.found(r"exe_\w+")
    much = await tools.call("exec_on_devbox", run_id=run_id, command='for i in $(seq 2000); do echo "$i $KEY"; done')
    shell = {"run_id": run_id, "shell_name": "main"}
    answers_of_shell = [await tools.call("exec_on_devbox", command=line, **shell) for line in ("COPY=$KEY", "set")]
    told_back = await tools.call("exec_on_devbox", run_id=run_id, command="cat; rm -f noted", stdin=_VALUE)
    await tools.call("write_file", run_id=run_id, path="noted", content=f"key={_VALUE}\n")
    await tools.call("exec_on_devbox", run_id=run_id, command="rm noted")
    place = {"run_id": run_id, "execution_id": execution_id}
    looks: list[dict[str, Any]] = [{"offset": 0}, {"offset": -50}, {"search": "KEY"}, {}]
    answers = [
        started,
        loud,
        much,
        *answers_of_shell,
        told_back,
        *[await tools.call("get_execution", **place, **look) for look in looks],
    ]
    told.append(await tools.read(f"runloop://runs/{run_id}/executions/{execution_id}/stdout"))
    told.append(await tools.refused("exec_on_devbox", run_id=run_id, command="true", working_directory="/nowhere"))
    await tools.call("write_file", run_id=run_id, path="answer.txt", content="42\n")
    answers += [await tools.call(name, run_id=run_id) for name in ("score_run", "get_score", "get_run", "complete_run")]
    assert answers[-4].structured["score"] == 1.0
    told.append(await tools.refused("start_run", scenario_id=scenarios["fails-with-it"], secrets={"KEY": "PLANTED"}))
    answers.append(await tools.call("list_runs"))
    return "\n".join([*told, *(answer.text + json.dumps(answer.structured) for answer in answers)])


@pytest.mark.proof
async def test_a_planted_secret_is_nowhere_but_where_it_was_put(tmp_path: Path, devboxes: Path) -> None:
    """Not in any reply, log or list, nor in any file of the state directory but its own and the solver's output."""
    pack = tmp_path / "pack"
    prints = {"type": "bash_script_scorer", "bash_script": 'env; test "$(cat answer.txt)" = 42 && echo score=1.0'}
    required = {"required_secret_names": ["PLANTED"], "metadata": {"disclosure": "full"}}
    functions = [{"name": "right", "weight": 1, "scorer": prints}]
    scenario_folder(pack, "uses-it", functions=functions, launch_commands=["env > /dev/null"], **required)
    scenario_folder(pack, "fails-with-it", launch_commands=["env; exit 1"], **required)
    options = ["--state-dir", str(devboxes / "planted"), "--scenarios", str(pack)]
    command = [sys.executable, "-m", "runloop_mcp"]
    subprocess.run([*command, "secrets", "set", "PLANTED", *options], input=_VALUE, text=True, check=True, timeout=60)
    server = StdioServerParameters(command=command[0], args=[*command[1:], "serve", *options], env=dict(os.environ))
    with (tmp_path / "stderr").open("w+") as log:
        async with Client(stdio_client(server, errlog=log)) as client:
            told = await _play(Tools(client))
        log.seek(0)
        told += log.read()
    runs = json.loads(_printed([*command, "runs", "list", "--json", "--all", *options]))
    assert [run["state"] for run in runs] == ["failed", "completed"]
    told += json.dumps(runs)
    run_id, archive = runs[1]["id"], tmp_path / "log.zip"
    shown = [["runs", "show", run_id], ["runs", "log", run_id], ["runs", "export"]]
    for arguments in [*shown, ["runs", "log", run_id, "--zip", str(archive)]]:
        told += _printed([*command, *arguments, *options])
    with zipfile.ZipFile(archive) as files:
        told += "".join(files.read(name).decode(errors="replace") for name in files.namelist())
    assert "[secret PLANTED" in told
    assert not any(form.decode() in told for form in _forms())
    # The outputs hold it byte for byte, so it was really there to be found.
    found = {path.relative_to(devboxes / "planted").parts[0] for path in _places(devboxes / "planted")}
    assert found == {"secrets.json", "outputs"}


def _printed(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout + done.stderr
