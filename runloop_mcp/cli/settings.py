"""What can be set, and from where: flags beat the environment, the environment beats the defaults."""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from runloop_mcp.api.errors import InvalidRequest
from runloop_mcp.cli.capacity import devboxes_at_once
from runloop_mcp.devbox.docker import DEFAULT_IMAGE
from runloop_mcp.devbox.port import Network
from runloop_mcp.devbox.runloop import DEFAULT_KEEP_ALIVE_SECONDS
from runloop_mcp.server.transports.observed_requests import ROUTES

PREFIX = "RUNLOOP_MCP_"

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[?[0-9A-Fa-f]*:[0-9A-Fa-f:.]+\]?")
"""A host name, an IPv4 address or an IPv6 address."""


class Settings(BaseSettings):
    """Everything that can be set. The description of each field is what `runloop-mcp config` and the README show."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, populate_by_name=True, extra="forbid", env_ignore_empty=True, hide_input_in_errors=True
    )

    state_dir: Path = Field(
        default_factory=lambda: user_data_path("runloop-mcp", appauthor=False),
        description="Where runs, devboxes and their outputs are kept.",
    )
    scenarios: Annotated[list[Path], NoDecode] = Field(
        default_factory=list, description=f"Further folders of scenarios, separated by `{os.pathsep}`."
    )
    backend: Literal["local", "cloud"] = Field(
        default="local",
        description="Who keeps scenarios, runs and scores: `local` (this machine) or `cloud` (Runloop).",
    )
    devbox: Literal["sandbox", "docker", "runloop"] = Field(
        default="sandbox",
        description="What devboxes are: `sandbox` (namespaces, Linux only), `docker` (containers of Docker, Podman or"
        " another engine with Docker's API; `DOCKER_HOST` names it) or `runloop` (Runloop's cloud, which costs money).",
    )
    docker_image: str = Field(
        default=DEFAULT_IMAGE, min_length=1, description="The image that containers are made from; it needs python3."
    )
    base_blueprint: str | None = Field(
        default=None,
        min_length=1,
        description="The id or name of the blueprint that Runloop devboxes are made from; without one Runloop's own"
        " image.",
    )
    keep_alive: int = Field(
        default=DEFAULT_KEEP_ALIVE_SECONDS,
        ge=60,
        le=172_800,
        description="After so many seconds without a word from a server Runloop shuts a devbox down, with its disk.",
    )
    devbox_network: Network = Field(
        default=Network.NONE, description="What local devboxes reach: `none` (their own loopback) or `host`."
    )
    devbox_disks: Literal["auto", "overlay", "copy"] = Field(
        default="auto",
        description="How disks of local devboxes are made: `overlay` mounts what they begin as, `copy` copies it, which"
        " is slower; `auto` copies where no overlay can be mounted.",
    )
    code_host: str = Field(
        default="https://github.com", description="Where the repositories of blueprints' code mounts are."
    )
    retention_days: float = Field(
        default=14,
        ge=0,
        description="How many days frozen working directories and outputs of runs that have ended are kept.",
    )
    retention_gb: float = Field(
        default=10, ge=0, description="How much they may take together, in GB; the oldest go first."
    )
    object_gb: float = Field(default=5, gt=0, description="How large an object that is uploaded may be, in GB.")
    max_devboxes: int = Field(
        default_factory=devboxes_at_once,
        ge=1,
        description="How many devboxes of runs may be up at once; further runs wait for their turn. By default four for"
        " each processor, and no more than there are GiB of memory.",
    )
    host: str = Field(default="127.0.0.1", description="Where the HTTP server listens.")
    port: int = Field(default=8787, ge=0, le=65_535, description="The HTTP server's port.")
    toolsets: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Which tools agents get: `core`, `author`, `benchmark`, `admin` or `all`, separated by commas;"
        " `core` where nothing is said. With `author` or `admin` they are shown what no solver may see.",
    )
    tools: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Tools that agents get beside those of the toolsets, or only these where no toolsets are named.",
    )
    exclude_tools: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="Tools that agents don't get, whatever else names them."
    )
    read_only: bool = Field(
        default=False, description="Agents get only tools that change nothing, whatever else names others."
    )
    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Further names by which clients may address the HTTP server, such as that of a proxy in front of"
        " it, separated by commas.",
    )
    public_url: str | None = Field(
        default=None,
        description="Where clients reach the HTTP server, when that is not where it listens, such as"
        " `https://runs.example`: addresses that it hands out begin with this.",
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses or networks of proxies in front of the HTTP server, separated by commas: what they tell"
        " of the scheme, host and client of a request (`X-Forwarded-*`, `Forwarded`) is believed.",
    )
    drain_seconds: float = Field(
        default=5,
        ge=0,
        le=3600,
        description="How many seconds calls over HTTP that are in progress get to finish when the server is told to end"
        " (SIGTERM).",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="What servers write to standard error: `text` or `json`, a line for each event."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning",
        description="From which level on: `debug`, `info` (each call and request), `warning` or `error`.",
    )
    oauth_issuer: str | None = Field(
        default=None,
        description="The authorization server (OAuth) whose tokens the HTTP server takes beside keys, by the name that"
        " it has in them, such as `https://login.example`; needs `runloop-mcp[oauth]`.",
    )
    oauth_audience: str | None = Field(
        default=None,
        description="How tokens for this server name it; without one the public URL with `/mcp`.",
    )
    oauth_jwks_url: str | None = Field(
        default=None, description="Where the authorization server's keys are, if not where its metadata says."
    )
    oauth_operator_scope: str = Field(
        default="runloop:operator", min_length=1, description="The scope whose tokens are those of operators."
    )
    oauth_solver_scope: str = Field(
        default="runloop:solver", min_length=1, description="The scope whose tokens are those of solvers."
    )
    api_key: SecretStr | None = Field(
        default=None,
        validation_alias="RUNLOOP_API_KEY",
        description="Key of the Runloop API, for the cloud backend and Runloop devboxes.",
    )
    base_url: str = Field(
        default="https://api.runloop.ai",
        validation_alias="RUNLOOP_BASE_URL",
        description="Where the Runloop API is, for the cloud backend and Runloop devboxes.",
    )

    @field_validator("public_url")
    @classmethod
    def _url_of_a_server(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("give the address that clients use, such as https://runs.example")
        first = parts.path.strip("/").partition("/")[0]
        if first in ROUTES:  # no proxy can serve it below what it serves itself
            raise ValueError(f"give the address of the server, without /{first}, which the server adds itself")
        return value.rstrip("/") if value else None

    @field_validator("oauth_issuer", "oauth_jwks_url")
    @classmethod
    def _secure(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://none")
        loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if not parts.hostname or parts.scheme not in (("https", "http") if loopback else ("https",)):
            raise ValueError("it must begin with https://, as whoever can change its answers can make tokens")
        return value

    @field_validator("scenarios", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for each in value:
            try:
                ip_network(each, strict=False)
            except ValueError:
                raise ValueError(f"{each!r} is no address or network, such as 127.0.0.1 or 10.0.0.0/8") from None
        return value

    @field_validator("allowed_hosts", "trusted_proxies", "toolsets", "tools", "exclude_tools", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, value: list[str]) -> list[str]:
        bad = next((name for name in value if not _HOST_NAME.fullmatch(name)), None)
        if bad is not None:
            raise ValueError(f"{bad!r} is no host name; give it without scheme, port and path")
        return value

    @field_validator("state_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("scenarios")
    @classmethod
    def _folders(cls, value: list[Path]) -> list[Path]:
        folders = [path.expanduser().absolute() for path in value]
        missing = next((path for path in folders if not path.is_dir()), None)
        if missing:
            raise ValueError(f"there is no folder {missing}")
        return folders


def variable(field: str) -> str:
    """The environment variable that sets a field."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias) if alias else PREFIX + field.upper()


def load_settings(**flags: object) -> Settings:
    """The settings in force.

    Args:
        flags: Values from the command line; None where a flag was not given.

    Raises:
        InvalidRequest: A flag or variable has a value that is not valid.
    """
    given = {name: value for name, value in flags.items() if value is not None and value != ()}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # values are checked here, by pydantic
    except ValidationError as error:
        raise _explained(error, given) from None


def _explained(error: ValidationError, flags: dict[str, object]) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = str(first["loc"][0])
    name = f"--{field.replace('_', '-')}" if field in flags else _variable_of(field)
    message = first["msg"].removeprefix("Value error, ")
    hint = (Settings.model_fields[field].description or "") if field in Settings.model_fields else ""
    return InvalidRequest(f"{name} is not valid: {message[0].lower()}{message[1:]}.", hint=hint)


def _variable_of(field: str) -> str:
    return variable(field) if field in Settings.model_fields else field


def sources(settings: Settings, flags: dict[str, object]) -> dict[str, str]:
    """Where each field's value comes from: `flag`, the name of a variable, or `default`."""
    found = {}
    for field in Settings.model_fields:
        if flags.get(field) not in (None, ()):
            found[field] = "flag"
        else:
            found[field] = variable(field) if field in settings.model_fields_set else "default"
    return found
