"""Objects: files that are uploaded once, for devboxes and agents to use."""

from enum import StrEnum

from pydantic import Field

from runloop_mcp.api.models.base import NOT_BLANK, PageParams, WireModel


class ContentType(StrEnum):
    """What an object holds."""

    UNSPECIFIED = "unspecified"
    TEXT = "text"
    BINARY = "binary"
    GZIP = "gzip"
    TAR = "tar"
    TGZ = "tgz"


class ObjectState(StrEnum):
    """How far an object is."""

    UPLOADING = "UPLOADING"
    READ_ONLY = "READ_ONLY"
    """It is complete, and stays as it is."""
    DELETED = "DELETED"
    ERROR = "ERROR"


class ObjectCreateParams(WireModel):
    """A new object, to be uploaded."""

    name: str = Field(json_schema_extra=NOT_BLANK)
    content_type: ContentType
    metadata: dict[str, str] | None = None
    ttl_ms: int | None = Field(default=None, gt=0, le=100 * 366 * 24 * 3600 * 1000)
    """After so many milliseconds it is deleted, in a hundred years at the latest; never where absent."""


class ObjectListParams(PageParams):
    """Which objects to list: filters are combined."""

    name: str | None = None
    search: str | None = None
    """Part of the name or id, in any case."""
    content_type: ContentType | None = None
    state: ObjectState | None = None
    is_public: bool | None = None


class ObjectView(WireModel):
    """An object."""

    id: str
    name: str
    content_type: ContentType | str
    state: ObjectState | str
    create_time_ms: int
    delete_after_time_ms: int | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    size_bytes: int | None = None
    upload_url: str | None = None
    """Where its contents are put, without a key, while it is `UPLOADING`. A face that has addresses fills it in."""


class ObjectDownload(WireModel):
    """Where an object's contents are had, without a key, for a while."""

    download_url: str
