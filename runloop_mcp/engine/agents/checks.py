"""What is wrong with an agent, before it is kept."""

from typing import Final

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.agent import AgentCreateParams, AgentSource, GitSource, NpmSource, ObjectSource, PipSource

AnySource = NpmSource | PipSource | GitSource | ObjectSource

_TYPES: Final = ("npm", "pip", "git", "object")
"""Each has the field of its name."""


def refuse_bad_agent(params: AgentCreateParams) -> None:
    """Refuses an agent that could never be mounted.

    Raises:
        InvalidRequest: A field is not valid; the message names it and says what is.
    """
    if not params.name.strip():
        raise InvalidRequest("The name of an agent can't be blank.", hint="Give it one; several may have the same.")
    if params.source is not None:
        described(params.source)


def described(source: AgentSource) -> AnySource:
    """The part of a source that its type means.

    Raises:
        InvalidRequest: The type is none, or what it names is missing or can be no such name.
    """
    if source.type not in _TYPES:
        raise InvalidRequest(
            f"source.type {source.type!r} is no kind of agent.", hint=f"It is one of {', '.join(_TYPES)}."
        )
    part: AnySource | None = getattr(source, source.type)
    if part is None:
        raise InvalidRequest(
            f"source.{source.type} is missing, which source.type says the agent comes from.", hint="Describe it there."
        )
    named = named_by(part)
    # What begins with a dash would be an option to the program that fetches it.
    if not named.strip() or named.startswith("-") or "\0" in named:
        raise InvalidRequest(f"source.{source.type} names {named!r}, which nothing is called.", hint="Correct it.")
    if isinstance(part, GitSource) and _holds_credentials(named):
        raise InvalidRequest(
            "source.git.repository holds a user or a token, which would be kept and shown with the agent.",
            hint="Give the address without it, and the token as auth_token of the agent_mount, which is kept nowhere.",
        )
    if any("\0" in command for command in part.agent_setup or ()):
        raise InvalidRequest(f"source.{source.type}.agent_setup holds a NUL character.", hint="Leave it out.")
    return part


def _holds_credentials(repository: str) -> bool:
    scheme, _, rest = repository.partition("://")
    return scheme.lower() in ("http", "https") and "@" in rest.partition("/")[0]


def named_by(part: AnySource) -> str:
    """The package, repository or object that an agent comes from."""
    match part:
        case NpmSource() | PipSource():
            return part.package_name
        case GitSource():
            return part.repository
        case ObjectSource():
            return part.object_id
