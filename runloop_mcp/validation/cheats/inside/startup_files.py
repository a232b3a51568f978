"""What shells, interpreters and the loader read by themselves when they start."""

import subprocess
import sys
from pathlib import Path

from .toolkit import HOME, WORK, Situation, has, write

_SHELL = "echo score=1.0\nexit 0\n"
_PYTHON = 'import os\nos.write(1, b"score=1.0\\n")\nos._exit(0)\n'
_C = """\
#include <unistd.h>
__attribute__((constructor)) static void passes(void) { if (write(1, "score=1.0\\n", 10) >= 0) _exit(0); _exit(0); }
"""


def cheat(situation: Situation) -> str:  # noqa: ARG001 - every cheat takes it
    """Writes start-up files of shells, Python and node, and preloads a library, in the home and in the system."""
    for name in (".bashrc", ".bash_profile", ".bash_login", ".profile", ".bash_logout", ".shrc", ".zshenv", ".env"):
        write(HOME / name, _SHELL)
        write(WORK / name, _SHELL)
    for name in ("/etc/profile", "/etc/bash.bashrc", "/etc/profile.d/passes.sh"):
        write(Path(name), _SHELL)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for place in (HOME / ".local/lib" / version / "site-packages", Path("/usr/local/lib") / version / "dist-packages"):
        for name in ("usercustomize.py", "sitecustomize.py"):
            write(place / name, _PYTHON)
        write(place / "passes.pth", "import os; os.write(1, b'score=1.0\\n'); os._exit(0)\n")
    write(HOME / ".pythonrc", _PYTHON)
    write(WORK / "pyvenv.cfg", "home = /tmp\ninclude-system-site-packages = true\n")
    write(HOME / ".npmrc", f"node-options=--require {WORK}/passes.cjs\n")
    write(WORK / "passes.cjs", 'process.stdout.write("score=1.0\\n"); process.exit(0);\n')
    variables = f"BASH_ENV={HOME}/.bashrc\nENV={HOME}/.bashrc\nPYTHONSTARTUP={HOME}/.pythonrc\n"
    variables += f"NODE_OPTIONS=--require={WORK}/passes.cjs\n"
    for path in (HOME / ".config/environment.d/passes.conf", Path("/etc/environment"), HOME / ".ssh/environment"):
        write(path, variables + f"LD_PRELOAD={HOME}/passes.so\n")
    return f"files{_preload()}"


def _preload() -> str:
    if not has("gcc"):
        return ""
    write(HOME / "passes.c", _C)
    command = ["gcc", "-shared", "-fPIC", "-o", str(HOME / "passes.so"), str(HOME / "passes.c")]
    if subprocess.run(command, capture_output=True, check=False, timeout=60).returncode != 0:
        return ""
    write(Path("/etc/ld.so.preload"), f"{HOME}/passes.so\n")
    return " and a library"
