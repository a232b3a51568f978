"""Secrets: by name, and by id. No route gives a value back."""

from typing import Final

from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.secret import SecretCreateParams, SecretUpdateParams, SecretView
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.route import get, post

_TAG: Final = "secrets"
_NONE: Final = {404: "There is no such secret."}


async def list_(call: Call, query: PageParams) -> Page[SecretView]:
    """Lists secrets, newest first, without their values."""
    return await call.backend.secrets.list(query)


async def create(call: Call, body: SecretCreateParams) -> SecretView:
    """Creates a secret."""
    return await call.backend.secrets.create(body)


async def retrieve(call: Call, secret_name: str) -> SecretView:
    """Retrieves a secret, without its value."""
    return await call.backend.secrets.retrieve(secret_name)


async def update(call: Call, secret_name: str, body: SecretUpdateParams) -> SecretView:
    """Replaces the value of a secret."""
    return await call.backend.secrets.update(secret_name, body)


async def delete(call: Call, secret_name: str) -> SecretView:
    """Deletes a secret."""
    return await call.backend.secrets.delete(secret_name)


async def retrieve_by_id(call: Call, secret_id: str) -> SecretView:
    """Retrieves a secret by its id, without its value."""
    return await call.backend.secrets.retrieve(secret_id)


async def update_by_id(call: Call, secret_id: str, body: SecretUpdateParams) -> SecretView:
    """Replaces the value of a secret by its id."""
    return await call.backend.secrets.update(secret_id, body)


async def delete_by_id(call: Call, secret_id: str) -> SecretView:
    """Deletes a secret by its id."""
    return await call.backend.secrets.delete(secret_id)


_NAMED: Final = "/v1/secrets/{secret_name}"
_BY_ID: Final = "/v1/secrets/id/{secret_id}"

ROUTES: Final = (
    get("/v1/secrets", _TAG, list_, items="secrets"),
    post("/v1/secrets", _TAG, create),
    get(_NAMED, _TAG, retrieve, errors=_NONE),
    post(_NAMED, _TAG, update, errors=_NONE),
    post(f"{_NAMED}/delete", _TAG, delete, errors=_NONE),
    get(_BY_ID, _TAG, retrieve_by_id, errors=_NONE),
    post(f"{_BY_ID}/update", _TAG, update_by_id, errors=_NONE),
    post(f"{_BY_ID}/delete", _TAG, delete_by_id, errors=_NONE),
)
