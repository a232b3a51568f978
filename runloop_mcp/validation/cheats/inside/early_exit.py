"""Programs end well before they do anything."""

from .toolkit import Situation, infect

CODES = {
    "python": "import os; os._exit(0)",
    "javascript": "process.exit(0);",
    "shell": "exit 0",
    "c": "extern void _exit(int);\n__attribute__((constructor)) static void ends_early(void) { _exit(0); }",
    "c++": 'extern "C" void _exit(int);\n__attribute__((constructor)) static void ends_early() { _exit(0); }',
    "ruby": "exit!(0)",
    "perl": "use POSIX (); BEGIN { POSIX::_exit(0); }",
}


def cheat(situation: Situation) -> str:
    """Ends every program with exit status 0 in its first line."""
    return infect(CODES, situation)
