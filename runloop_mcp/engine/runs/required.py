"""What a scenario or a benchmark requires of whoever starts it: variables and secrets."""

from collections.abc import Collection, Sequence

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.models.run import RunProfile
from runloop_mcp.engine.secrets.values import SecretValues


async def refuse_missing(
    values: SecretValues,
    profile: RunProfile,
    *,
    variables: Collection[str] | None,
    secrets: Collection[str] | None,
) -> None:
    """Names everything that is missing at once: variables, secrets, and values of secrets.

    Args:
        values: The values that there are.
        profile: What is given.
        variables: What is required.
        secrets: Likewise, by the names of the secrets.

    Raises:
        InvalidRequest: Something is missing.
    """
    if not (variables or secrets or profile.secrets):
        return
    given, bound = profile.env_vars or {}, profile.secrets or {}
    missing_variables = sorted({name for name in variables or () if name not in given and name not in bound})
    required = set(secrets or ())
    missing_secrets = sorted(required - set(bound.values()))
    without_value = await values.missing(required | set(bound.values()))
    problems = []
    if missing_variables:
        problems.append(f"environment variables {_names(missing_variables)} are required and not given")
    if missing_secrets:
        problems.append(f"secrets {_names(missing_secrets)} are required and not bound to a variable")
    if without_value:
        problems.append(f"secrets {_names(without_value)} have no value on this server")
    if problems:
        raise InvalidRequest(
            f"The run can't start: {'; '.join(problems)}.",
            hint=(
                "Give variables as name and value, secrets as variable and name of the secret. The person who runs this"
                f" server sets a secret's value with: runloop-mcp secrets set {next(iter(without_value), 'NAME')}"
            ),
        )


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)
