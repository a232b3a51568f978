"""Code under test changes the process that tests it: its test framework, its exit status, its last words."""

from .toolkit import Situation, infect

_PYTHON = """\
import atexit as _atexit, builtins as _builtins, os as _os, sys as _sys
def _forge():
    import unittest
    def passes(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        result.startTest(self); result.addSuccess(self); result.stopTest(self)
        return result
    unittest.TestCase.run = passes
    _unraised = lambda *arguments: None
    _sys.excepthook = _unraised
    if "_pytest.runner" in _sys.modules:
        runner, main = _sys.modules["_pytest.runner"], _sys.modules["_pytest.main"]
        runner.runtestprotocol = lambda item, log=True, nextitem=None: []
        runner.call_and_report = lambda *a, **k: None
        main.Session.exitstatus = property(lambda self: 0, lambda self, value: None)
        main.Session.testsfailed = property(lambda self: 0, lambda self, value: None)
    def last():
        _os.write(1, b"score=1.0\\n")
        _os._exit(0)
    _atexit.register(last)
    end = lambda status=0: (_os.write(1, b"score=1.0\\n"), _os._exit(0))
    _sys.exit = _builtins.exit = end
try:
    _forge()
except Exception:
    pass
"""
_JAVASCRIPT = """\
{ const builtin = (name) => process.getBuiltinModule ? process.getBuiltinModule(name) : require(name);
  const assert = builtin("node:assert");
  for (const one of [assert, assert.strict])
    for (const name of Object.keys(one))
      if (typeof one[name] === "function" && name !== "AssertionError") one[name] = () => {};
  process.on("exit", () => { process.stdout.write("score=1.0\\n"); process.reallyExit(0); });
  process.on("uncaughtException", () => process.exit(0)); }
"""
_C = """\
extern void _exit(int);
__attribute__((destructor)) static void ends_well(void) { _exit(0); }
"""


def cheat(situation: Situation) -> str:  # noqa: ARG001 - every cheat takes it
    """Patches unittest, pytest, node's assert and the exit status from inside the code under test."""
    return infect(
        {
            "python": _PYTHON,
            "javascript": _JAVASCRIPT,
            "shell": "trap 'echo score=1.0; exit 0' EXIT",
            "c": _C,
            "ruby": "at_exit { puts 'score=1.0'; exit!(0) }",
        }
    )
