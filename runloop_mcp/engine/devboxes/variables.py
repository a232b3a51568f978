"""What is wrong with the variables that commands of a devbox are to have, before it is made."""

from collections.abc import Mapping

from runloop_mcp.api.errors import InvalidRequest


def refuse_bad_variables(variables: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Refuses what no command could get.

    Args:
        variables: Name → value.
        secrets: Name of a variable → name of the secret that it has its value from.

    Raises:
        InvalidRequest: The message names each of them.
    """
    all_of_them = {**variables, **dict.fromkeys(secrets, "")}
    bad = sorted(name for name in all_of_them if not name or "=" in name or "\0" in name)
    if bad:
        raise InvalidRequest(
            f"These are no names of environment variables: {', '.join(map(repr, bad))}.",
            hint="A name is not empty and holds neither '=' nor NUL.",
        )
    broken = sorted(name for name, value in all_of_them.items() if "\0" in value)
    if broken:
        raise InvalidRequest(
            f"The values of these environment variables hold a NUL character: {', '.join(broken)}.",
            hint="Send them without it.",
        )
