"""Secrets: values that runs get by name, and that nothing ever shows again."""

import re
from typing import Any, Final

from pydantic import Field, SecretStr

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.api.ids import IdPrefix
from runloop_mcp.api.models.base import WireModel

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_ID = re.compile(rf"{IdPrefix.SECRET}_[A-Za-z0-9]{{21}}")

_VALUE: Final[dict[str, Any]] = {"minLength": 4, "maxLength": 32_768}


def refuse_bad_secret_name(name: str) -> None:
    """Refuses what can't be the name of a secret, without repeating it: it may be a value that was put there.

    Raises:
        InvalidRequest: It can't.
    """
    if not _NAME.fullmatch(name) or _ID.fullmatch(name):
        raise InvalidRequest(
            "This can't be the name of a secret.",
            hint="A name is one of a variable, such as DEPLOY_KEY: at most 200 letters, digits and underscores, not"
            " beginning with a digit; and it does not look like a secret's id.",
        )


class SecretView(WireModel):
    """A secret, without its value."""

    id: str
    name: str
    create_time_ms: int
    update_time_ms: int


class SecretCreateParams(WireModel):
    """A new secret."""

    name: str = Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})
    """Letters, digits and underscores, not beginning with a digit; no other secret has it."""
    value: SecretStr = Field(json_schema_extra=_VALUE)


class SecretUpdateParams(WireModel):
    """A new value for a secret that is there."""

    value: SecretStr = Field(json_schema_extra=_VALUE)
