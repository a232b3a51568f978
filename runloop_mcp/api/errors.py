"""Every error that a caller of a `Backend` can meet.

The tree, with the HTTP status that the REST face gives each and whether a retry can help:

    ApiError
      InvalidRequest   400  the request cannot be carried out as it stands     no
        InvalidState   400  the run or devbox is in a state that forbids it     no
      Unauthorized     401  no key, or one that is not known                    no
      Forbidden        403  known, and still not allowed                        no
      NotFound         404  no such scenario, run, devbox, execution, file …    no
      Conflict         409  something that time will cure stands in the way     yes
      RateLimited      429  too many at once                                    yes
      Unavailable      503  what it needs is missing or broken                  depends

Each error tells what happened (`message`), what to do next (`hint`) and whether the same call can succeed
later (`retryable`, with `retry_after` in seconds where known). The faces turn them into tool errors and HTTP statuses.
"""

from typing import ClassVar


class ApiError(Exception):
    """Base of every expected failure.

    Args:
        message: What happened, in a sentence for people and models. Never holds a secret.
        hint: What is valid and what to do next, in a sentence; empty where the message says all.
        retryable: Whether the same call can succeed later; the class's default where None.
        retry_after: Seconds after which a retry makes sense, where known.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    retryable_by_default: ClassVar[bool] = False

    def __init__(
        self, message: str, *, hint: str = "", retryable: bool | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retryable = self.retryable_by_default if retryable is None else retryable
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class InvalidRequest(ApiError):
    """The request cannot be carried out as it stands; correct it and call again."""

    status = 400
    code = "invalid_request"


class InvalidState(InvalidRequest):
    """The run or devbox is in a state that forbids this, and time will not change that."""

    code = "invalid_state"


class Unauthorized(ApiError):
    """No key was given, or one that is not known."""

    status = 401
    code = "unauthorized"


class Forbidden(ApiError):
    """The key is known, and what it asks for is not for it; or nobody may do this to this thing."""

    status = 403
    code = "forbidden"


class NotFound(ApiError):
    """No such scenario, run, devbox, execution, snapshot or file."""

    status = 404
    code = "not_found"


class Conflict(ApiError):
    """Something stands in the way that time will cure; the same call can succeed later."""

    status = 409
    code = "conflict"
    retryable_by_default = True


class RateLimited(ApiError):
    """Too many requests or devboxes at once."""

    status = 429
    code = "rate_limited"
    retryable_by_default = True


class Unavailable(ApiError):
    """What the request needs is missing or broken here: no sandbox, a full disk, an unreachable service."""

    status = 503
    code = "unavailable"
