"""Every test of the contract runs on every backend that can have what it is about."""

from collections.abc import Callable
from pathlib import Path

import pytest
from backend_cases import CASES, BackendCase, OpenBackend, OpenWith
from empty_store import lay_out_store


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker."""
    config.addinivalue_line("markers", "needs(flag): takes part where this flag of the backend's case is on")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what a backend can't have, and without --full-size what is not among its default tests.

    All that need the far end of Runloop devboxes share one.
    """
    for item in items:
        if getattr(_case(item), "name", None) == "runloop":
            item.add_marker(pytest.mark.xdist_group("runloop"))
    left_out = [item for item in items if not _takes_part(item, full_size=bool(config.getoption("full_size")))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


def _case(item: pytest.Item) -> BackendCase | None:
    case = item.callspec.params.get("case") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    return case if isinstance(case, BackendCase) else None


def _takes_part(item: pytest.Item, *, full_size: bool) -> bool:
    case = _case(item)
    if case is None:
        return True
    if not all(getattr(case, marker.args[0]) for marker in item.iter_markers("needs")):
        return False
    return full_size or case.default is None or getattr(item, "originalname", None) in case.default


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> BackendCase:
    """The backend under test."""
    assert isinstance(request.param, BackendCase)
    return request.param


@pytest.fixture
def open_with(case: BackendCase, tmp_path: Path, with_tools: Callable[[Path], Path]) -> OpenWith:
    """Opens the backend under test; entered inside the test, because its tasks belong to the test's own."""
    lay_out_store(tmp_path / "state")
    with_tools(tmp_path / "state" / "sandbox")
    return case.open_on(tmp_path / "state")


@pytest.fixture
def open_backend(open_with: OpenWith) -> OpenBackend:
    """Likewise, as it comes."""
    return open_with
