"""The `Secrets` port of the embedded engine."""

from anyio import to_thread

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.groups.secrets import Secrets
from runloop_mcp.api.ids import IdPrefix, new_id
from runloop_mcp.api.models.base import Page, PageParams
from runloop_mcp.api.models.secret import SecretCreateParams, SecretUpdateParams, SecretView, refuse_bad_secret_name
from runloop_mcp.engine.clock import now_ms
from runloop_mcp.engine.secrets.file import Secret, SecretsFile
from runloop_mcp.engine.secrets.masking import SHORTEST

_LONGEST = 32 * 1024
"""Bytes: a variable of Linux may be four times as long."""


class EngineSecrets(Secrets):
    """Secrets of the embedded engine."""

    def __init__(self, file: SecretsFile) -> None:
        self._file = file

    async def create(self, params: SecretCreateParams) -> SecretView:
        """See `Secrets.create`."""
        refuse_bad_secret_name(params.name)
        value = _checked(params.value.get_secret_value())

        def work() -> SecretView:
            with self._file.changing() as secrets:
                if params.name in secrets:
                    raise InvalidRequest(
                        f"There is a secret {params.name} already.", hint="Update its value, or choose another name."
                    )
                now = now_ms()
                secret = secrets[params.name] = Secret(new_id(IdPrefix.SECRET), params.name, now, now, value)
                return _view(secret)

        return await to_thread.run_sync(work)

    async def retrieve(self, secret: str) -> SecretView:
        """See `Secrets.retrieve`."""
        return _view(_find(await self._file.look(), secret))

    async def list(self, params: PageParams) -> Page[SecretView]:
        """See `Secrets.list`."""
        kept = await self._file.look()
        newest_first = [_view(secret) for secret in reversed(kept.values())]
        begin = 0
        if params.starting_after is not None:
            ids = [secret.id for secret in newest_first]
            if params.starting_after not in ids:
                raise InvalidRequest(
                    "There is no such secret to start after.", hint="Pass the id of the last secret of the page before."
                )
            begin = ids.index(params.starting_after) + 1
        items = newest_first[begin : begin + params.limit]
        more = begin + params.limit < len(newest_first)
        return Page(items=items, has_more=more, total_count=len(newest_first))

    async def update(self, secret: str, params: SecretUpdateParams) -> SecretView:
        """See `Secrets.update`."""
        value = _checked(params.value.get_secret_value())

        def work() -> SecretView:
            with self._file.changing() as secrets:
                found = _find(secrets, secret)
                # Never the same moment twice, so that whoever compares times sees the change.
                found.value, found.update_time_ms = value, max(now_ms(), found.update_time_ms + 1)
                return _view(found)

        return await to_thread.run_sync(work)

    async def delete(self, secret: str) -> SecretView:
        """See `Secrets.delete`."""

        def work() -> SecretView:
            with self._file.changing() as secrets:
                return _view(secrets.pop(_find(secrets, secret).name))

        return await to_thread.run_sync(work)


def _find(secrets: dict[str, Secret], called: str) -> Secret:
    found = secrets.get(called) or next((secret for secret in secrets.values() if secret.id == called), None)
    if found is None:
        # Not the name that was given: a value may have been given in its place.
        raise NotFound("There is no secret of this name.", hint="List the secrets to see those there are.")
    return found


def _checked(value: str) -> str:
    if "\0" in value:
        raise InvalidRequest("The value holds a NUL character, which no variable can.", hint="Send it without that.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidRequest("The value is no valid Unicode.", hint="Encode it, in base 64 for example.") from None
    if len(value) < SHORTEST or size > _LONGEST:
        raise InvalidRequest(
            f"The value has {len(value)} characters.",
            hint=f"It takes at least {SHORTEST}, because less could not be masked, and at most {_LONGEST} bytes.",
        )
    return value


def _view(secret: Secret) -> SecretView:
    return SecretView(
        id=secret.id,
        name=secret.name,
        create_time_ms=secret.create_time_ms,
        update_time_ms=secret.update_time_ms,
    )
