"""What fools whoever scores in the solver's devbox does not fool a clean score."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from scoring_cases import command, only, script, solver, with_files

from runloop_mcp.api.models.scoring import ScoringMode

RIGHT = "grep -qx right answer.txt"
BEFORE = "git init -q . && git add -A && echo wrong > answer.txt"


@dataclass(frozen=True)
class Attack:
    """Something a solver does that makes a command succeed which must not."""

    name: str
    does: str
    scorer: dict[str, Any] = field(default_factory=lambda: command(RIGHT))
    environment: dict[str, str] = field(default_factory=dict)
    """Variables that the solver chose when it started its run."""


def put(path: str, text: str) -> str:
    """A shell command that writes an executable file."""
    return f"mkdir -p \"$(dirname {path})\"; cat > {path} <<'END'\n{text}\nEND\nchmod +x {path}\n"


SUCCEED = "import os; os._exit(0)"
FAILING_TEST = "def test_answer():\n    assert open('answer.txt').read() == 'right\\n'\n"
HELPER_TEST = {
    "checks/run.py": "import helper\nhelper.check()\n",
    "checks/helper.py": "def check():\n    raise SystemExit(1)\n",
}
BYTECODE = f"""
import importlib._bootstrap_external as b, os
code = compile("def check():\\n    raise SystemExit(0)\\n", "helper.py", "exec")
path = "checks/__pycache__/helper.{sys.implementation.cache_tag}.pyc"
os.makedirs(os.path.dirname(path), exist_ok=True)
open(path, "wb").write(b._code_to_hash_pyc(code, b"\\0" * 8, False))
"""

ATTACKS = [
    Attack("path", put("~/bin/grep", "#!/bin/sh\nexit 0"), environment={"PATH": "/home/user/bin:/usr/bin:/bin"}),
    Attack("bash_env", put("evil.sh", "exit 0"), environment={"BASH_ENV": "/home/user/work/evil.sh"}),
    Attack("bash_function", "true", environment={"BASH_FUNC_grep%%": "() { true; }"}),
    Attack(
        "python_path",
        put("evil/json.py", SUCCEED),
        command("python3 -c 'import json; raise SystemExit(1)'"),
        {"PYTHONPATH": "/home/user/work/evil"},
    ),
    Attack(
        "user_site",
        put("~/evil/usercustomize.py", SUCCEED) + 'mkdir -p "$(python3 -m site --user-site)";'
        'cp ~/evil/usercustomize.py "$(python3 -m site --user-site)"',
        command("python3 -c 'raise SystemExit(1)'"),
    ),
    Attack("git_monitor", put("evil.sh", "echo right > answer.txt") + "git config core.fsmonitor ./evil.sh",
           command(f"git status >/dev/null; {RIGHT}")),
    Attack("git_hook", put(".git/hooks/pre-commit", "echo right > answer.txt"),
           command(f"git -c user.name=a -c user.email=a@b commit -qm x --allow-empty; {RIGHT}")),
    Attack("git_home", put("evil.sh", "echo right > answer.txt") + "git config --global core.fsmonitor ./evil.sh",
           command(f"git status >/dev/null; {RIGHT}")),
    Attack("git_variable", put("evil.sh", "echo right > answer.txt"), command(f"git status >/dev/null; {RIGHT}"),
           {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": "./evil.sh"}),
    Attack("bytecode", f"python3 - <<'END'\n{BYTECODE}\nEND", with_files("python3 checks/run.py", HELPER_TEST)),
    Attack("bytecode_isolated", f"python3 - <<'END'\n{BYTECODE}\nEND", with_files(
        "python3 -I -c 'import sys; sys.path.insert(0, \"checks\"); import helper; helper.check()'", HELPER_TEST)),
    Attack("shadowing_package", put("checks/helper/__init__.py", "def check(): pass"),
           with_files("python3 checks/run.py", HELPER_TEST)),
    Attack("conftest", put("conftest.py", SUCCEED),
           with_files("python3 -m pytest -q checks", {"checks/test_a.py": FAILING_TEST})),
    Attack("pytest_options", put("pytest.ini", "[pytest]\naddopts = --collect-only"),
           with_files("python3 -m pytest -q checks", {"checks/test_a.py": FAILING_TEST})),
    Attack("pytest_variable", "true", with_files("python3 -m pytest -q checks", {"checks/test_a.py": FAILING_TEST}),
           {"PYTEST_ADDOPTS": "--collect-only"}),
]  # fmt: skip


def naive(attack: Attack) -> str:
    """What somebody would run who scores in the solver's devbox without care."""
    scorer = attack.scorer
    lay_out = "".join(put(file["file_path"], file["file_contents"]) for file in scorer.get("test_files", []))
    return f"{lay_out}\n{scorer.get('command') or scorer['test_command']}"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_a_clean_score_is_not_fooled(attack: Attack, state: Path) -> None:
    """Each attack fools a careless scorer, and a clean score still says that the answer is wrong."""
    async with solver(state, before=BEFORE) as box:
        await box.does(attack.does)
        result = only(await box.score(attack.scorer, environment=attack.environment))
        assert (result.score, result.state) == (0.0, "complete"), result.output
        assert await box.run(naive(attack), environment=attack.environment) == 0


MARKS = "echo planted >> /tmp/planted"
PLANTS = "\n".join(
    [
        *(put(f"~/{name}", MARKS) for name in (".bashrc", ".bash_profile", ".bash_login", ".profile", ".bash_logout")),
        put("start-up.sh", MARKS),
        put("start-up.py", f"import os; os.system('{MARKS}')"),
        *(
            f"cp start-up.py {name}.py"
            for name in ("sitecustomize", "usercustomize", "conftest", "json", "ctypes", "os")
        ),
        'site="$(/usr/bin/python3 -I -m site --user-site)"; mkdir -p "$site"; cp start-up.py "$site/usercustomize.py"',
        f'cp start-up.py "$site/sitecustomize.py"; echo "import os; os.system(\'{MARKS}\')" > "$site/start-up.pth"',
        put("pytest.ini", "[pytest]\naddopts = -p conftest"),
        *(put(f"bin/{name}", f"{MARKS}; exit 0") for name in ("cat", "env", "git", "grep", "python3", "sh", "true")),
        "git init -q . && git config core.fsmonitor ./start-up.sh && git config core.hooksPath ./hooks",
        *(put(f"{place}/pre-commit", MARKS) for place in ("hooks", ".git/hooks")),
        "git config --global core.fsmonitor ./start-up.sh",
        "mkdir -p ~/.config/git; cp ~/.gitconfig ~/.config/git/config",
        "rm -f /tmp/planted",
    ]
)
CHOSEN = {
    "PATH": "/home/user/work/bin:/usr/bin:/bin",
    "LD_PRELOAD": "/home/user/work/preload.so",
    "BASH_ENV": "/home/user/work/start-up.sh",
    "ENV": "/home/user/work/start-up.sh",
    "PYTHONPATH": "/home/user/work",
    "PYTHONSTARTUP": "/home/user/work/start-up.py",
    "PYTHONHOME": "/home/user/work",
    "PROMPT_COMMAND": MARKS,
    "GIT_CONFIG_GLOBAL": "/home/user/.gitconfig",
    "BASH_FUNC_cat%%": "() { echo planted >> /tmp/planted; }",
}
WORKS = """
bash -c true; sh -c true; true | cat | grep x
git status > /dev/null; git -c user.name=a -c user.email=a@b commit -qm x --allow-empty
/usr/bin/python3 -I -c 'import json, ctypes'; python3 -I -c 'import json'
"""
WORKER = f"""
import ctypes, json, subprocess
subprocess.run(["bash", "-c", {WORKS!r}], stdin=subprocess.DEVNULL)
subprocess.run("cat /tmp/planted", shell=True)
print("score=0")
"""
WORKERS: dict[str, dict[str, Any]] = {
    "command": command(f"{WORKS}\ncat /tmp/planted; exit 1"),
    "bash": script(f"{WORKS}\ncat /tmp/planted; echo score=0"),
    "python": {"type": "python_script_scorer", "python_script": WORKER},
}


@pytest.mark.proof
@pytest.mark.parametrize("mode", ScoringMode)
async def test_nothing_that_a_solver_planted_starts_by_itself_in_a_scorer(mode: ScoringMode, state: Path) -> None:
    """Start-up files, modules, hooks, programs on the path and variables: none of it takes part, whatever the mode."""
    async with solver(state) as box:
        await box.does(PLANTS)
        result = await box.score(*WORKERS.values(), mode=mode, environment=CHOSEN)
        for function in result.scoring_function_results:
            assert (function.score, function.state) == (0.0, "complete"), function.output
            assert "planted" not in function.output.replace("/tmp/planted", "")
            assert "preload" not in function.output
        await box.run(f"rm -f /tmp/planted; {WORKS}", environment=CHOSEN)
        assert await box.run("test -s /tmp/planted") == 0  # it was at work


async def test_a_process_of_the_solvers_does_not_reach_a_clean_score(state: Path) -> None:
    """A daemon that overwrites the tests as soon as they appear finds none."""
    async with solver(state, before=BEFORE) as box:
        await box.does("(while :; do [ -e check.sh ] && echo 'exit 0' > check.sh; done) </dev/null >/dev/null 2>&1 &")
        scorer = with_files("for i in {1..20000}; do :; done; bash check.sh", {"check.sh": RIGHT})
        assert only(await box.score(scorer)).score == 0.0
        assert await box.run("touch check.sh; until [ -s check.sh ]; do :; done") == 0  # it was at work


@pytest.mark.proof
@pytest.mark.parametrize("working_directory", ["/opt", "/srv"])
async def test_code_that_one_scorer_runs_forges_no_tool_for_the_next(state: Path, working_directory: str) -> None:
    """Tools stay what they are wherever the solver's files lie, in the scoring devbox too."""
    forge = """
    for tools in ./scorer-tools /scorer-tools; do
      mv $tools $tools.gone; mkdir -p $tools/ast-grep
      printf '#!/bin/sh\nexit 0\n' > $tools/ast-grep/ast-grep; chmod +x $tools/ast-grep/ast-grep
    done 2> /dev/null; true"""
    search = {"type": "ast_grep_scorer", "pattern": "right($A)", "search_directory": ".", "lang": "python"}
    async with solver(state, working_directory=working_directory) as box:
        await box.does(f"echo 'wrong(1)' > answer.py\n{put('answer.sh', forge)}")
        ran, searched = (await box.score(command("sh answer.sh"), search)).scoring_function_results
    assert ran.score == 1.0
    assert (searched.score, searched.state) == (0.0, "complete"), searched.output


async def test_a_solvers_home_starts_no_python_module_in_a_fork(state: Path) -> None:
    """Where the home is part of the answer, Python still starts without the modules in it."""
    user_site = next(attack for attack in ATTACKS if attack.name == "user_site")
    async with solver(state, before=BEFORE) as box:
        await box.does(user_site.does)
        assert only(await box.score(user_site.scorer, mode=ScoringMode.FORK)).score == 0.0


@pytest.mark.proof
async def test_scorers_get_the_runs_harmless_variables(state: Path) -> None:
    """What is tested may need the run's variables; those that steer programs are gone or as they should be."""
    chosen = {
        "DATABASE": "a b",
        "LD_PRELOAD": "/x.so",
        "PYTHONSTARTUP": "x",
        "ENV": "x",
        "HOME": "/tmp",
        "GIT_DIR": "x",
    }
    async with solver(state) as box:
        output = only(await box.score(command("env"), environment=chosen)).output
    seen = dict(line.split("=", 1) for line in output.splitlines())
    assert (seen["DATABASE"], seen["HOME"]) == ("a b", "/home/user")
    assert not seen.keys() & {"LD_PRELOAD", "PYTHONSTARTUP", "ENV", "GIT_DIR", "BASH_ENV"}
    assert "/home" not in seen["PATH"]


async def test_restored_files_are_told(state: Path) -> None:
    """The scoring devbox says which protected files the solver had changed; the solver's devbox keeps them."""
    async with solver(state, before="echo one > conftest.py") as box:
        await box.does("echo evil > conftest.py")
        async with box.prepared() as prepared:
            assert prepared.restored_files == ["conftest.py"]
            assert (await prepared.devbox.read_file("conftest.py")).data == b"one\n"
        assert await box.does("cat conftest.py") == "evil\n"
