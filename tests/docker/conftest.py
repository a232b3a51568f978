"""The image, built once for all tests of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from image import Image, built_image


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The server's image."""
    with built_image() as image:
        yield image


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The image is built once, on one worker: two would make its wheels and base in one place."""
    for item in items:
        if item.path.parent == Path(__file__).parent and "image" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("image"))
