"""Where the Runloop API is and the key that it is used with, which is told to the API alone."""

from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import SecretStr

from runloop_mcp.api.errors import ApiError, InvalidRequest, Unauthorized
from runloop_mcp.client.ask import Ask

Failure = TypeVar("Failure", bound=ApiError)


class Endpoint:
    """An API and the key to it.

    Args:
        base_url: Where the API is.
        key: What it is used with; None where the server wants none.

    Raises:
        InvalidRequest: The address can be none.
    """

    def __init__(self, base_url: str, key: SecretStr | None) -> None:
        self.base_url = _checked(base_url)
        self._key, self._refusal = _checked_key(key, needed=not self.is_on_this_machine)

    @property
    def host(self) -> str:
        """What errors call the server."""
        return urlsplit(self.base_url).netloc

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the API is served here, where no key is needed and no proxy leads to it."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def headers(self, ask: Ask) -> dict[str, str]:
        """What is sent with a request.

        Raises:
            Unauthorized: There is no key that could be.
        """
        if self._refusal is not None:
            raise Unauthorized(self._refusal.message, hint=self._refusal.hint)
        headers = {"Accept": "*/*" if ask.long else "application/json"}
        if ask.long:
            headers["Accept-Encoding"] = "identity"  # sizes are told, and devboxes' files rarely shrink
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        if ask.body is not None and ask.upload is None:
            headers["Content-Type"] = "application/json"
        if ask.method != "GET" and ask.request_id != "":
            headers["x-request-id"] = ask.request_id or f"runloop-mcp-{uuid4()}"
        return headers

    def absolute(self, url: str) -> str:
        """An address that a server gave, which may be one on itself."""
        return self.base_url + url if url.startswith("/") else url

    def covered(self, error: Failure) -> Failure:
        """The error without the key, should a server or a library repeat it."""
        if self._key is not None and (value := self._key.get_secret_value()):
            error.message = error.message.replace(value, "…")
            error.hint = error.hint.replace(value, "…")
            error.args = (error.message,)
        return error


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        raise InvalidRequest(
            "RUNLOOP_BASE_URL is no address of an API.",
            hint="One looks like https://api.runloop.ai, without a key in it.",
        )
    return base_url.rstrip("/")


def _checked_key(key: SecretStr | None, *, needed: bool) -> tuple[SecretStr | None, Unauthorized | None]:
    """The key, or why nothing can be asked: told to whoever asks, as a server has to be up to tell anything."""
    if key is None:
        refusal = Unauthorized(
            "Runloop's cloud needs a key, and there is none.",
            hint="Set RUNLOOP_API_KEY to a key of your account, or leave --backend out to run everything on this"
            " machine.",
        )
        return None, refusal if needed else None
    value = key.get_secret_value().strip()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        return None, Unauthorized(
            "RUNLOOP_API_KEY holds no key: it is empty, or has characters that no key has.",
            hint="Set it to a key as it was shown when it was made.",
        )
    return SecretStr(value), None
