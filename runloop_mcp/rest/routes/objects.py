"""Objects, and the signed addresses where their contents are put and had."""

from functools import partial
from typing import Final

from starlette.responses import Response

from runloop_mcp.api.errors import InvalidState
from runloop_mcp.api.models.base import Page
from runloop_mcp.api.models.storage_object import (
    ObjectCreateParams,
    ObjectDownload,
    ObjectListParams,
    ObjectState,
    ObjectView,
)
from runloop_mcp.rest.call import Call
from runloop_mcp.rest.file_answers import file_answer
from runloop_mcp.rest.route import Route, get, post
from runloop_mcp.rest.uploads import body_chunks
from runloop_mcp.rest.wire.objects import DownloadQuery, SignedQuery

_TAG: Final = "objects"

_UPLOAD_SECONDS: Final = 3600.0
"""How long the address is good where contents are put."""

_CONTENTS: Final = "/v1/signed/objects/{object_id}/contents"
_BINARY: Final = {"application/octet-stream": {"type": "string", "format": "binary"}}
_NOT_FOUND: Final = {404: "Object not found."}


async def list_(call: Call, query: ObjectListParams) -> Page[ObjectView]:
    """Lists objects."""
    return _with_addresses(call, await call.backend.objects.list(query))


async def list_public(call: Call, query: ObjectListParams) -> Page[ObjectView]:
    """Lists public objects."""
    return _with_addresses(call, await call.backend.objects.list(query.model_copy(update={"is_public": True})))


async def create(call: Call, body: ObjectCreateParams) -> ObjectView:
    """Creates an object: put its contents to `upload_url`, then complete it."""
    made = await call.backend.objects.create(body, idempotency_key=call.idempotency_key)
    return _with_address(call, made)


async def retrieve(call: Call, object_id: str) -> ObjectView:
    """Retrieves an object, also one that is deleted."""
    return _with_address(call, await call.backend.objects.retrieve(object_id))


async def complete(call: Call, object_id: str) -> ObjectView:
    """Completes an object: it stays as it is from then on."""
    return await call.backend.objects.complete(object_id)


async def delete(call: Call, object_id: str) -> ObjectView:
    """Deletes an object and its contents."""
    return await call.backend.objects.delete(object_id)


async def download(call: Call, object_id: str, query: DownloadQuery) -> ObjectDownload:
    """Gives an address where the contents of an object are had, without a key, for a while."""
    found = await call.backend.objects.retrieve(object_id)
    if found.state != ObjectState.READ_ONLY:
        raise InvalidState(
            f"The object can't be downloaded: it is {found.state}.", hint="Upload its contents, then complete it."
        )
    path = _CONTENTS.format(object_id=object_id)
    return ObjectDownload(
        download_url=call.addresses.address(call.request, "GET", path, seconds=query.duration_seconds)
    )


async def put_contents(call: Call, object_id: str, query: SignedQuery) -> Response:
    """Puts the contents of an object that is being uploaded."""
    call.addresses.check(call.request, query.token)
    await call.backend.objects.write(object_id, body_chunks(call.request, None))
    return Response()


async def get_contents(call: Call, object_id: str, query: SignedQuery) -> Response:
    """Gets the contents of an object."""
    call.addresses.check(call.request, query.token)
    write = partial(call.backend.objects.read, object_id)
    return await file_answer(object_id, write, media_type="application/octet-stream")


def _with_address(call: Call, found: ObjectView) -> ObjectView:
    """The object with the address where its contents are put, while they can be."""
    if found.state != ObjectState.UPLOADING:
        return found
    path = _CONTENTS.format(object_id=found.id)
    address = call.addresses.address(call.request, "PUT", path, seconds=_UPLOAD_SECONDS)
    return found.model_copy(update={"upload_url": address})


def _with_addresses(call: Call, page: Page[ObjectView]) -> Page[ObjectView]:
    return page.model_copy(update={"items": [_with_address(call, each) for each in page.items]})


ROUTES: Final = (
    get("/v1/objects", _TAG, list_, items="objects"),
    post("/v1/objects", _TAG, create),
    get("/v1/objects/list_public", _TAG, list_public, items="objects"),
    get("/v1/objects/{object_id}", _TAG, retrieve, errors=_NOT_FOUND),
    post("/v1/objects/{object_id}/complete", _TAG, complete, errors=_NOT_FOUND),
    post("/v1/objects/{object_id}/delete", _TAG, delete, errors=_NOT_FOUND),
    get("/v1/objects/{object_id}/download", _TAG, download, errors=_NOT_FOUND),
    Route(
        method="PUT",
        path=_CONTENTS,
        tag=_TAG,
        handler=put_contents,
        errors=_NOT_FOUND,
        content={"application/octet-stream": {"type": "string"}},
        form=_BINARY,
        is_deduplicated=False,
        is_keyless=True,
    ),
    get(_CONTENTS, _TAG, get_contents, errors=_NOT_FOUND, content=_BINARY, is_keyless=True),
)
