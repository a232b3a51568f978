"""What every test lives by: a skipped test fails, and the long runs take part only with `--full-size`."""

import gc
import os
import signal
import ssl
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
from hypothesis import HealthCheck, settings
from lent_tools import LentTools
from pluggy import Result

settings.register_profile("small", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("full-size", parent=settings.get_profile("small"), max_examples=2_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--full-size`."""
    parser.addoption(
        "--full-size", action="store_true", help="the long runs at full size, and the tests marked `proof` (make proof)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declares the marker and chooses how many examples property tests try."""
    config.addinivalue_line("markers", "proof: takes part only with --full-size, as in `make proof`")
    config.addinivalue_line("markers", "xdist_group(name): runs on one worker with all others of the group")
    settings.load_profile("full-size" if config.getoption("full_size") else "small")
    _trust_nobody_far_away()
    if not config.getoption("numprocesses", None):  # workers collect, and whoever has them does not
        gc.disable()  # until the tests are collected, of which it takes a third otherwise
    # Servers and workers that may not keep what they compile take twice as long to start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # A shell that starts the tests in the background has them ignore interrupts, and their processes would do so too.
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _trust_nobody_far_away() -> None:
    """Has clients of HTTP in this process read no certificates of the world's authorities.

    That takes 20 ms for each of hundreds of clients, all of which speak to servers of the tests only.
    """
    load = ssl.SSLContext.load_verify_locations
    usual = {certifi.where(), ssl.get_default_verify_paths().openssl_cafile}

    def load_others(context: ssl.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        if cafile not in usual:
            load(context, cafile, capath, cadata)

    ssl.SSLContext.load_verify_locations = load_others  # type: ignore[method-assign]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests marked `proof`, unless they were asked for; keeps others together.

    A server that a whole module uses is started by one of several workers only, not by each.
    """
    for item in items:
        if isinstance(item, pytest.Function) and _shares_with_its_module(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    if config.getoption("full_size"):
        return
    left_out = [item for item in items if item.get_closest_marker("proof")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("proof")]


def pytest_collection_finish() -> None:
    """What is there now stays to the end: collecting garbage need not look at it each time."""
    gc.freeze()
    gc.enable()


def _shares_with_its_module(item: pytest.Function) -> bool:
    known = item._fixtureinfo.name2fixturedefs  # pytest has no public way to learn a fixture's scope
    return any(known[name][-1].scope == "module" for name in item.fixturenames if name in known)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Generator[None, Result[pytest.TestReport], None]:
    """A skipped test proves nothing, so it fails; one that is expected to fail is not skipped."""
    report = (yield).get_result()
    if report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report() -> Generator[None, Result[pytest.CollectReport], None]:
    """Likewise a module that skips itself while it is read."""
    report = (yield).get_result()
    if report.skipped:
        _fail(report)


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{reason}. A skipped test proves nothing: make what it needs available, or remove the test."


@pytest.fixture(scope="session")
def built_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the sandbox's devboxes share, built once in a session."""
    import anyio  # noqa: PLC0415 - most tests need no devbox
    import probed_driver  # noqa: PLC0415 - likewise

    from runloop_mcp.devbox.sandbox.driver import SandboxDriver  # noqa: PLC0415 - likewise

    async def build(folder: Path) -> None:
        async with SandboxDriver(folder) as driver:
            probed_driver.remember(await driver.probe())

    folder = tmp_path_factory.mktemp("built")
    anyio.run(build, folder)
    return folder / "sandbox" / "tools"


@pytest.fixture(scope="session")
def lent_tools(built_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> LentTools:
    """Copies of them."""
    return LentTools(built_tools, tmp_path_factory.mktemp("lent"))


@pytest.fixture
def with_tools(lent_tools: LentTools) -> Iterator[Callable[[Path], Path]]:
    """Begins a driver's folder with what devboxes share, until the test ends."""
    lent = []

    def lay_out(folder: Path) -> Path:
        lent.append(lent_tools.lend(folder))
        return folder

    yield lay_out
    for place in lent:
        lent_tools.take_back(place)


@pytest.fixture
def full_size(request: pytest.FixtureRequest) -> bool:
    """Whether long runs should be as long as they get (`make proof`), not just long enough to see them work."""
    return bool(request.config.getoption("full_size"))
