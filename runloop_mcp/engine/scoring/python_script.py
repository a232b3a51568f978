"""`python_script_scorer`: an isolated interpreter runs the script, which prints the score."""

from runloop_mcp.api.models.scoring import PythonScriptScorer
from runloop_mcp.engine.scoring.printed_score import NoPrintedScore, PrintedScore
from runloop_mcp.engine.scoring.protocol import ScorerFailed, Workplace
from runloop_mcp.engine.scoring.tools import SYSTEM_PYTHON, PythonNeeds

_WITH_PACKAGES = """\
import runpy, site, sys
sys.argv[:] = sys.argv[1:]
sys.path.insert(0, sys.argv[0])  # before the system's packages, some of which may be older
site.addsitedir(sys.argv.pop(0))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


async def score(scorer: PythonScriptScorer, workplace: Workplace) -> float:
    """Scores with a script, in an interpreter that sees neither the working directory nor a home."""
    interpreter = [SYSTEM_PYTHON, "-I"]
    needs = PythonNeeds.of(scorer)
    if needs is not None:
        built = workplace.tools.pythons[needs]
        if isinstance(built, str):
            raise ScorerFailed(built)
        interpreter = [built.interpreter, "-I", "-c", _WITH_PACKAGES, built.packages]
    printed = PrintedScore()
    async with workplace.script(scorer.python_script, suffix=".py") as path:
        exit_ = await workplace.run([*interpreter, path], stdout=printed.feed)
    try:
        return printed.score()
    except NoPrintedScore as error:
        raise ScorerFailed(f"{error} It ended with exit status {exit_.status}.") from error
