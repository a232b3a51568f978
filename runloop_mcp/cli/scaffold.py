"""`runloop-mcp scenarios new`: a small scenario that is valid at once, to be changed into one's own."""

import re
import shutil
from pathlib import Path

import click

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.cli.options import json_option
from runloop_mcp.cli.terminal import own_command, print_json
from runloop_mcp.engine.scenarios.folder import DOCUMENT
from runloop_mcp.engine.scenarios.schema import SCHEMA_FILE
from runloop_mcp.engine.scorers.pack_scripts import FOLDER as SCORERS

_TEMPLATE = Path(__file__).with_name("scenario_template")
"""The files of the scenario, the judge in its parts; what stands between @ is filled in here."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_JUDGE_DOES = "Judges totals.py of the solution: runs it on payments of its own."
_FORGETS = "    os.unlink(__file__)  # what is expected is for nobody else to read"
_EXIT_STATUS = "    sys.exit(0 if all(found.values()) else 1)"
_PRINTED = '    print(f"score={sum(found.values()) / len(found):.4f}")'
_SHELL = """\
# {does}
# The judge takes this shell's place and this file is gone, so that the solution can neither speak for it nor read it.
[[ ${{BASH_SOURCE[0]:-}} == /tmp/* ]] && rm -f -- "${{BASH_SOURCE[0]}}"
exec /usr/bin/python3 -I - <<'JUDGE'
{judge}JUDGE
"""
_TEST_BASED = """\
        type: test_based_scorer
        test_command: exec /usr/bin/python3 -I .hidden/check.py
        test_files:
          - {file_path: .hidden/check.py, file_contents_file: scoring/check.py}"""
_SCORERS = {
    # file of the judge, how scenario.yaml names it, what it ends with
    "test_based_scorer": ("check.py", _TEST_BASED, _EXIT_STATUS),
    "bash_script_scorer": (
        "check.sh",
        "        type: bash_script_scorer\n        bash_script_file: scoring/check.sh",
        _PRINTED,
    ),
    "python_script_scorer": (
        "check.py",
        "        type: python_script_scorer\n        python_script_file: scoring/check.py",
        _PRINTED,
    ),
    "command_scorer": (
        "check.sh",
        "        type: command_scorer\n        command_file: scoring/check.sh",
        _EXIT_STATUS,
    ),
}


@click.command("new", short_help="Begin a scenario of your own, from a small one that is valid.")
@click.argument("name")
@click.option(
    "--dir",
    "pack",
    type=click.Path(path_type=Path),
    default=".",
    show_default="this folder",
    metavar="DIR",
    help="Where the scenario's folder is made.",
)
@click.option(
    "--scorer",
    type=click.Choice(list(_SCORERS)),
    metavar="TYPE",
    default="test_based_scorer",
    show_default=True,
    help=f"What judges it: {', '.join(_SCORERS)}.",
)
@json_option
def new_command(*, name: str, pack: Path, scorer: str, as_json: bool) -> None:
    """Make a scenario's folder, NAME, that is valid at once: a small task with its judge and reference.

    Nothing that is there is overwritten. docs/authoring.md goes from here to a scenario of your own.
    """
    files = _files(name, scorer)
    folder = _make(pack, name, files)
    if as_json:
        print_json({"folder": str(folder), "files": sorted(files)})
    else:
        _tell(folder, pack, scorer)


def _files(name: str, scorer: str) -> dict[str, str]:
    """The files of a new scenario: path → text.

    Args:
        name: What it is called, and its folder.
        scorer: A type out of which a whole judge can be made.
    """
    file, named, verdict = _SCORERS[scorer]
    does = _JUDGE_DOES if verdict is _EXIT_STATUS else f"{_JUDGE_DOES} Prints the share that is right."
    body = _template("judge.py.in").replace("@verdict@", verdict)
    judge = f"{_template('boundary.py')}\n{body}"
    if file.endswith(".sh"):
        judge = _SHELL.format(does=does, judge=judge.replace("@forget@\n", ""))
    else:
        judge = f'"""{does}"""\n\n{judge.replace("@forget@", _FORGETS)}'
    return {
        DOCUMENT: _template(DOCUMENT).replace("@name@", name).replace("@scorer@", named),
        f"scoring/{file}": judge,
        **{path: _template(path) for path in ("problem.md", "reference.sh", "files/totals.py", "files/example.csv")},
    }


def _template(path: str) -> str:
    return (_TEMPLATE / path).read_text(encoding="utf-8")


def _make(pack: Path, name: str, files: dict[str, str]) -> Path:
    if not _NAME.fullmatch(name) or name == SCORERS:
        raise InvalidRequest(
            f"{name!r} can't be the name of a scenario's folder.",
            hint=f"Use small letters, digits, '-', '_' and '.', a letter or digit first, and not {SCORERS!r}.",
        )
    if (pack / DOCUMENT).exists():
        raise InvalidRequest(
            f"{pack.resolve()} is the folder of a scenario itself.", hint="Name the directory above it: --dir DIR."
        )
    folder = pack / name
    try:
        pack.mkdir(parents=True, exist_ok=True)
        schema = pack / SCHEMA_FILE.name
        if not schema.exists():
            schema.write_bytes(SCHEMA_FILE.read_bytes())
        folder.mkdir()
        _write(folder, files)
    except FileExistsError as error:
        if not folder.exists():
            raise InvalidRequest(f"{pack} is no directory.", hint="Name another one: --dir DIR.") from error
        raise InvalidRequest(
            f"{folder} is there already, and nothing is overwritten.", hint="Choose another name, or another --dir."
        ) from error
    except OSError as error:
        raise InvalidRequest(
            f"{error.filename} can't be written: {error.strerror}.", hint="Name another directory: --dir DIR."
        ) from error
    return folder


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)  # half a scenario helps nobody
        raise


def _tell(folder: Path, pack: Path, scorer: str) -> None:
    rows = {
        "scenario.yaml": f"what it is, and how it is scored: one {scorer}",
        "problem.md": "what the solver is told",
        "files/": "what the solver finds in the working directory",
        "scoring/": "the judge, which the solver never sees",
        "reference.sh": "what solves it",
    }
    command = own_command()
    click.echo(f"Made {folder}, which is valid as it is:\n")
    for path, meaning in rows.items():
        click.echo(f"  {path:<15} {meaning}")
    click.echo(f"\nNext:\n\n  {command} validate {folder}\n")
    click.echo(
        "proves it. Change the task, then the cases of the judge, then the reference, and prove it again. The lines\n"
        "between the two comments that say `boundary` stay as they are. docs/authoring.md tells more. Agents get the\n"
        f"scenario by\n\n  {command} serve --scenarios {pack}"
    )
