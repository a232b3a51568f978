"""The rules for launch parameters that types can't express."""

import re
from collections.abc import Iterator

from runloop_mcp.api.models.scenario import LaunchParameters, UserParameters
from runloop_mcp.engine.devboxes.sizes import size_faults

ON_IDLE = ("shutdown", "suspend")
_USER_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_NOBODY = 65_534
_MOST_UID = 2**31 - 1


def launch_faults(launch: LaunchParameters) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with launch parameters: the way to the field, and what is valid."""
    for name, message in size_faults(launch):
        yield (name,), message
    if launch.user_parameters is not None:
        for name, message in _user_faults(launch.user_parameters):
            yield ("user_parameters", name), message
    for place, rule in (
        (("after_idle",), launch.after_idle),
        (("lifecycle", "after_idle"), launch.lifecycle.after_idle if launch.lifecycle else None),
    ):
        if rule is not None and rule.on_idle not in ON_IDLE:
            yield (*place, "on_idle"), f"{rule.on_idle!r} must be one of {', '.join(ON_IDLE)}"


def _user_faults(user: UserParameters) -> Iterator[tuple[str, str]]:
    no_root = "a local devbox has no root: its system is read-only, and nobody in it has root's rights"
    if user.uid == 0:
        yield "uid", f"0 can't be had, since {no_root}; choose another user"
    elif not 0 < user.uid <= _MOST_UID or user.uid == _NOBODY:
        yield "uid", f"{user.uid} must be above 0 and at most {_MOST_UID}, and not {_NOBODY}"
    if user.username == "root":
        yield "username", f"'root' can't be had, since {no_root}; choose another user"
    elif not _USER_NAME.fullmatch(user.username) or user.username == "nobody":
        yield (
            "username",
            f"{user.username!r} must be up to 32 of a-z, 0-9, _ and -, not begin with a digit or -, and not be nobody",
        )
