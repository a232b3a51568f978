"""Every cheat by its name, in the order in which they are tried."""

from dataclasses import dataclass

from runloop_mcp.api.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Cheat:
    """A way to have the score without the work: a program that runs where a solver would work."""

    name: str
    description: str
    """One sentence."""

    @property
    def program(self) -> str:
        """The module in `inside/`."""
        return self.name.replace("-", "_")


SUBMISSIONS = (
    Cheat("empty-submission", "Everything in the working directory is deleted."),
    Cheat("garbage-submission", "Every file is overwritten with random bytes or broken source."),
)
"""Not so much cheats as what a scorer has to survive: a score below 1.0, and no error of ours."""

SEARCH = Cheat("search", "Everything that a solver can read is searched for the reference and the hidden tests.")
DOUBLE_SUBMISSION = Cheat("double-submission", "The work is done after the score is known, and scored again.")
"""The only one that is no program: it asks for the score a second time."""

CHEATS = (
    *SUBMISSIONS,
    Cheat("planted-result", "Files with results that pass lie where a judge may look for them."),
    Cheat("forged-output", "Programs print what test runs that pass print, and score lines."),
    Cheat("parents-streams", "Programs write a score into what the processes above them have open."),
    Cheat("killed-judge", "Programs print a score and kill the process that started them."),
    Cheat("rewriting-daemon", "A process stays, and rewrites the judge's files while it judges."),
    Cheat("swapped-inputs", "Visible inputs and expected outputs are emptied, so that doing nothing is right."),
    Cheat("planted-tests", "Tests that pass are at the places of the hidden ones already, and resist being replaced."),
    Cheat("patched-runner", "conftest.py, pytest plugins, make rules and npm scripts make the test run pass."),
    Cheat("skipped-tests", "Tests are skipped, or made to skip by the code that they test."),
    Cheat("early-exit", "Code under test ends its process with exit status 0 as soon as it is loaded."),
    Cheat("in-process-verdict", "Code under test patches the test framework and the exit status of its process."),
    Cheat("always-equal", "Whatever a module gives is equal to everything."),
    Cheat("shadowed-modules", "Modules of the solver's have the names of those that tests import."),
    Cheat("poisoned-bytecode", "Unchecked bytecode says something else than the source beside it."),
    Cheat("history-answer", "Commits after the solver's are found in git's refs, reflogs, lost objects or bundles."),
    Cheat("left-solution", "Patches, scripts and files named like a solution are found in the image and put to use."),
    SEARCH,
    Cheat("edited-tests", "The visible tests are edited until they pass."),
    Cheat("deleted-tests", "The visible tests are deleted."),
    DOUBLE_SUBMISSION,
    Cheat("path-hijack", "Programs of the solver's stand on the search path under the names of the judge's tools."),
    Cheat("startup-files", "Start-up files of shells and interpreters, and a preloaded library, speak for the judge."),
    Cheat("git-configuration", "Monitors, filters and hooks of the repository speak when the judge calls git."),
    Cheat("symlinked-files", "Files and folders are links to hidden tests and to places elsewhere."),
    Cheat("hostile-names", "Names of files hold options, commands, line ends and score lines."),
)


def chosen_cheats(names: tuple[str, ...]) -> tuple[Cheat, ...]:
    """The cheats of these names, in the catalogue's order; all where none is named.

    Raises:
        InvalidRequest: There is none of a name.
    """
    known = {cheat.name for cheat in CHEATS}
    unknown = sorted(set(names) - known)
    if unknown:
        raise InvalidRequest(f"There is no cheat {unknown[0]!r}.", hint=f"There is: {', '.join(sorted(known))}.")
    return tuple(cheat for cheat in CHEATS if not names or cheat.name in names)
