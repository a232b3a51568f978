"""Which commands of a shell script decide what it says: enough of a shell's grammar to warn by, and no more.

What is not understood is left out, since a warning that is wrong teaches people to read none.
"""

import re
import shlex
from collections.abc import Sequence

Words = list[str]
"""A command: its program and arguments, without redirections, variables and what only wraps it."""

_HERE_DOCUMENT = re.compile(r"<<-?[ \t]*(['\"]?)(\w+)\1(.*\n)(?:.*\n)*?[ \t]*\2[ \t]*(?:\n|\Z)")
_SEPARATORS = frozenset((";", "&&", "||", "&", ";;", "(", ")", "{", "}", "|", "|&"))
_PIPES = frozenset(("|", "|&"))
_PREFIXES = frozenset(
    ("exec", "env", "time", "nice", "nohup", "command", "!", "if", "then", "else", "elif", "while", "do")
)
_ASSIGNMENT = re.compile(r"\w+\+?=.*", re.DOTALL)
_SUBSTITUTION = "SUBSTITUTED"


def deciding_by_status(script: str) -> list[Words]:
    """The command whose exit status a script ends with, where that can be told: none or one."""
    return [words for words, _ in _commands(script)[-1:]]


def deciding_by_output(script: str) -> list[Words]:
    """The commands whose standard output is the script's own."""
    return [words for words, redirected in _commands(script) if not redirected]


def all_commands(script: str) -> list[Words]:
    """Every command, whatever becomes of its output and status."""
    return [words for words, _ in _commands(script)]


def _commands(script: str) -> list[tuple[Words, bool]]:
    """The commands at the end of each pipeline, and whether their output goes elsewhere."""
    text = _HERE_DOCUMENT.sub(r"\3", script if script.endswith("\n") else script + "\n")
    text = _without_substitutions(text.replace("\\\n", " "))
    found: list[tuple[Words, bool]] = []
    for line in _logical_lines(text):
        command: Words = []
        for token in [*line, ";"]:
            if token not in _SEPARATORS:
                command.append(token)
                continue
            if token not in _PIPES and (words := _plain(command)):
                found.append((words, _is_redirected(command)))
            command = []
    return found


def _logical_lines(text: str) -> list[Words]:
    """The tokens of each line; a quoted text may go over several."""
    lines, pending = [], ""
    for line in text.splitlines(keepends=True):
        pending += line
        try:
            lexer = shlex.shlex(pending, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            lines.append(list(lexer))
        except ValueError:  # a quote is open
            continue
        pending = ""
    return lines


def _without_substitutions(text: str) -> str:
    """The text with `$(…)` and back quotes replaced: what they print is data to the command around them."""
    text = re.sub(r"`[^`]*`", _SUBSTITUTION, text)
    while (start := text.find("$(")) >= 0:
        depth, end = 0, len(text)
        for at in range(start + 1, len(text)):
            depth += (text[at] == "(") - (text[at] == ")")
            if depth == 0:
                end = at + 1
                break
        text = text[:start] + _SUBSTITUTION + text[end:]
    return text


def _plain(command: Sequence[str]) -> Words:
    words = list(_without_redirections(command))
    while words:
        if words[0] in _PREFIXES or _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        elif words[0].rpartition("/")[2] == "timeout":
            words = _after_timeout(words[1:])
        else:
            return words
    return words


def _after_timeout(words: Words) -> Words:
    """What `timeout` runs: what follows its options and how long that may take."""
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in ("-k", "-s") else words[1:]
    return words[1:]


def _is_redirected(command: Sequence[str]) -> bool:
    """Whether the standard output goes elsewhere; that of errors may."""
    before = ["", *command]
    return any(
        token in (">", ">>", ">|", "&>", "&>>") and not (last.isdigit() and last != "1")
        for last, token in zip(before, command, strict=False)
    )


def _without_redirections(command: Sequence[str]) -> list[str]:
    kept: list[str] = []
    skip = False
    for token in command:
        if skip:
            skip = False
        elif set(token) & set("<>") and set(token) <= set("<>&|"):
            skip = True
            if kept and kept[-1].isdigit():
                kept.pop()  # the descriptor before it
        else:
            kept.append(token)
    return kept
