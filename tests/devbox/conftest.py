"""Fixtures for the tests of devboxes; every test that asks for one runs over every driver."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import probed_driver
import pytest
import pytest_asyncio
from attack_catalogue import is_limit
from boxes import Workshop, entered
from driver_cases import ABOUT_DISKS, CASES, NOT_HERE, OF_THE_SANDBOX, PROOF_CASES, DriverCase
from lent_tools import LentTools

from runloop_mcp.devbox.port import Capability, Devbox, Driver

# Root runs everything a second time as a user without privileges; such a user has nothing to add.
collect_ignore = [] if os.geteuid() == 0 else ["test_unprivileged.py"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out attacks that a driver is known not to block (the table of attacks says which, and why).

    Tests of a driver that the default suite has no time for are left to --full-size.
    """
    for item in items:
        case = getattr(item, "callspec", None) and item.callspec.params.get("driver_case")
        if isinstance(case, DriverCase) and case.default is not None and item.originalname not in case.default:
            item.add_marker("proof")
        if (far := _far(item)) is not None:
            item.add_marker(pytest.mark.xdist_group(far))
    left_out = [item for item in items if _is_limit(item) or _is_not_promised(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


def _far(item: pytest.Item) -> str | None:
    """What a test needs beside this process that takes long to start: the engine of containers, or the far end."""
    case = item.callspec.params.get("driver_case") if hasattr(item, "callspec") else None
    if isinstance(case, DriverCase):
        return None if case.driver == "sandbox" else case.name
    if item.path.parent.name == "cloud_devboxes":
        return "runloop"
    return "docker" if item.path.parent.name == "containers" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which drivers are not tested, and why."""
    for name, reason in NOT_HERE.items():
        terminalreporter.write_line(f"not tested: the {name} driver, because {reason}")


_probed: dict[str, Capability] = {}


def _is_limit(item: pytest.Item) -> bool:
    case = item.callspec.params.get("driver_case") if hasattr(item, "callspec") else None
    return case is not None and is_limit(case.name, item.path, item.originalname)  # type: ignore[attr-defined] # of pytest's functions


def _is_not_promised(item: pytest.Item) -> bool:
    case = item.callspec.params.get("driver_case") if hasattr(item, "callspec") else None
    if not isinstance(case, DriverCase):
        return False
    return bool({item.originalname, item.name.replace(f"[{case.name}-", "[")} & case.not_promised.keys())  # type: ignore[attr-defined] # of pytest's functions


@pytest.fixture(scope="session")
def driver_state(lent_tools: LentTools) -> Iterator[Path]:
    """A folder for the state of drivers, private to its owner, that lasts as long as the session."""
    with lent_tools.folder() as folder:
        yield folder


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test over every driver; those that differ in their disks alone over the tests of disks, as a proof."""
    if "driver_case" not in metafunc.fixturenames:
        return
    module = metafunc.module.__name__.rpartition(".")[2]
    about_disks = module in ABOUT_DISKS
    proofs = [pytest.param(case, marks=pytest.mark.proof) for case in PROOF_CASES if about_disks]
    chosen = [case for case in CASES if module not in OF_THE_SANDBOX or case.driver == "sandbox"]
    if module.startswith("test_attack"):
        chosen = [case for case in chosen if case.holds_in]
    metafunc.parametrize("driver_case", [*chosen, *proofs], indirect=True, ids=lambda case: case.name)


@pytest.fixture
def driver_case(request: pytest.FixtureRequest) -> DriverCase:
    """The driver under test."""
    case: DriverCase = request.param
    return case


@pytest_asyncio.fixture
async def driver(driver_case: DriverCase, driver_state: Path) -> AsyncIterator[Driver]:
    """The driver under test, entered; where it can't run, the test fails with what mends that."""
    async with entered(driver_case.open(driver_state)) as driver:
        if driver_case.name not in _probed:
            known = probed_driver.known() if driver_case.name == "sandbox" else None
            _probed[driver_case.name] = known or await driver.probe()
        capability = _probed[driver_case.name]
        if not capability.available:
            missing = (f"- {item.name}: {item.detail} {item.remedy}" for item in capability.findings if not item.ok)
            pytest.fail("\n".join([f"No {driver_case.name} devboxes here:", *missing]), pytrace=False)
        yield driver


@pytest_asyncio.fixture
async def workshop(driver: Driver) -> AsyncIterator[Workshop]:
    """Makes devboxes that are gone after the test."""
    workshop = Workshop(driver)
    yield workshop
    await workshop.clear()


@pytest_asyncio.fixture
async def devbox(workshop: Workshop) -> Devbox:
    """A devbox as it comes."""
    return await workshop.create()
