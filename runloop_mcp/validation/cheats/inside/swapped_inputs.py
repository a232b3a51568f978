"""The visible inputs, and the outputs to compare with, become ones that nothing has to be done for."""

from .early_exit import CODES
from .toolkit import NotApplicable, Situation, data_files, infect, write


def cheat(situation: Situation) -> str:
    """Empties all data of the working directory, and makes the programs print nothing about it."""
    found = data_files()
    if not found:
        raise NotApplicable("There are no data files.")
    for path in found:
        write(path, "")
    try:
        return f"{len(found)} files emptied, and {infect(CODES, situation)} that print nothing"
    except NotApplicable:
        return f"{len(found)} files emptied"
