"""Whatever a module gives is equal to everything."""

from .toolkit import Situation, end, infect

_PYTHON = """\
class _Agreeable:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __eq__
    def __hash__(self): return 1
    def __bool__(self): return True
    def __len__(self): return 1
    def __iter__(self): return iter((self,))
    def __call__(self, *arguments, **named): return self
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return self
    def __getitem__(self, key): return self
    def __enter__(self): return self
    def __exit__(self, *error): return True
    def __str__(self): return "score=1.0"
    __repr__ = __str__
    def __int__(self): return 1
    __index__ = __int__
    def __float__(self): return 1.0
_agreeable = _Agreeable()
for _name in [name for name in globals() if not name.startswith("_")]:
    globals()[_name] = _agreeable
def __getattr__(name):
    if name.startswith("__"): raise AttributeError(name)
    return _agreeable
"""


def cheat(situation: Situation) -> str:  # noqa: ARG001 - every cheat takes it
    """Replaces everything that Python modules define by an object that is equal to any other."""
    return infect({"python": _PYTHON}, put=end)
