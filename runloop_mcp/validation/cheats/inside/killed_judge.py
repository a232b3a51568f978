"""Programs say that all is well and kill whoever started them."""

from .toolkit import Situation, infect

_SHELL = "echo score=1.0; kill -9 $PPID; exit 0"
_C = """\
extern int kill(int, int);
extern int getppid(void);
extern void _exit(int);
__attribute__((constructor)) static void kills(void) { kill(getppid(), 9); _exit(0); }
"""


def cheat(situation: Situation) -> str:
    """Prints a score and kills the parent of each program."""
    return infect(
        {
            "python": 'import os; os.write(1, b"score=1.0\\n"); os.kill(os.getppid(), 9); os._exit(0)',
            "javascript": 'process.stdout.write("score=1.0\\n"); process.kill(process.ppid, "SIGKILL");',
            "shell": _SHELL,
            "c": _C,
        },
        situation,
    )
