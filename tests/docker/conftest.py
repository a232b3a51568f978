"""The image, built once for all tests of it."""

from collections.abc import Iterator

import pytest
from image import Image, built_image


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The server's image."""
    with built_image() as image:
        yield image
