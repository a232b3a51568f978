"""Values that were told to this server and that its records must not repeat."""

from typing import Any, Final

from pydantic import SecretStr

_SHORTEST: Final = 4
"""Characters of a value that is covered: shorter ones would blot out words that have nothing to do with it."""


class Known:
    """Secret values by name: the key of the API, and the secrets that were kept through this server."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def learn(self, name: str, value: SecretStr) -> None:
        """Remembers a value for as long as this server runs."""
        text = value.get_secret_value()
        if len(text) >= _SHORTEST:
            self._values[text] = name

    def covered(self, value: Any) -> Any:
        """Something made of JSON's values, with each secret value in it replaced by the name of the secret."""
        if isinstance(value, str):
            for secret in sorted(self._values, key=len, reverse=True):
                value = value.replace(secret, f"[secret {self._values[secret]}]")
            return value
        if isinstance(value, dict):
            return {name: self.covered(held) for name, held in value.items()}
        if isinstance(value, list | tuple):
            return [self.covered(held) for held in value]
        return value
