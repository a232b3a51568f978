"""`python_script_scorer`: an isolated interpreter runs the script, which prints the score."""

from runloop_mcp.api.models.scoring import PythonScriptScorer
from runloop_mcp.engine.scoring.printed_score import NoPrintedScore, PrintedScore
from runloop_mcp.engine.scoring.protocol import ScorerFailed, Workplace
from runloop_mcp.engine.scoring.tools import SYSTEM_PYTHON, PythonNeeds

_LAUNCH = """\
import ctypes, os, site, sys, types
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
path, packages = sys.argv[1:]
sys.argv[:] = [path]
if packages:
    sys.path.insert(0, packages)
    site.addsitedir(packages)
source = sys.stdin.buffer.read()
sys.stdout.flush()
private = os.dup(1)
os.dup2(2, 1)
sys.stdout = sys.__stdout__ = open(private, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)
launcher, main = sys.modules["__main__"], types.ModuleType("__main__")
main.__file__ = path
sys.modules["__main__"] = main
exec(compile(source, path, "exec"), main.__dict__)
"""
"""Runs a script that comes by standard input, so that it is in no file that what it starts could read.

First nobody else may look into this process any more, or use its descriptors (PR_SET_DUMPABLE). What the script prints
leaves by a descriptor that the programs which it starts do not inherit: their standard output is its standard error.
Packages come before the system's, some of which may be older.
"""


async def score(scorer: PythonScriptScorer, workplace: Workplace) -> float:
    """Scores with a script, in an interpreter that sees neither the working directory nor a home."""
    interpreter, packages = SYSTEM_PYTHON, ""
    needs = PythonNeeds.of(scorer)
    if needs is not None:
        built = workplace.tools.pythons[needs]
        if isinstance(built, str):
            raise ScorerFailed(built)
        interpreter, packages = built.interpreter, built.packages
    printed = PrintedScore()
    async with workplace.name_for(".py") as path:
        argv = [interpreter, "-I", "-c", _LAUNCH, path, packages]
        exit_ = await workplace.run(argv, stdin=scorer.python_script, stdout=printed.feed)
    try:
        return printed.score()
    except NoPrintedScore as error:
        raise ScorerFailed(f"{error} It ended with exit status {exit_.status}.") from error
