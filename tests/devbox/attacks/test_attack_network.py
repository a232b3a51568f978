"""Attacks that reach for services: the host's, the metadata of clouds, the internet, other devboxes."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest
from boxes import (
    PATIENCE_SECONDS,
    Workshop,
    child_environment,
    daemon,
    marked_on_host,
    python,
    run_program,
    start,
    succeed,
    unique,
)
from canaries import Service, program
from driver_cases import DriverCase

from runloop_mcp.devbox.port import Devbox

OUTSIDE = [
    ["AF_INET", "SOCK_STREAM", ["169.254.169.254", 80]],
    ["AF_INET", "SOCK_STREAM", ["192.0.2.1", 443]],
    ["AF_INET", "SOCK_DGRAM", ["192.0.2.1", 53]],
    ["AF_INET", "SOCK_STREAM", ["10.0.0.1", 22]],
    ["AF_INET6", "SOCK_STREAM", ["fd00:ec2::254", 80]],
    ["AF_INET6", "SOCK_STREAM", ["fe80::a9fe:a9fe", 80, 0, 1]],
    ["AF_INET6", "SOCK_STREAM", ["2001:db8::1", 443]],
]


async def test_services_of_the_host_are_not_reached(services: list[Service], devbox: Devbox) -> None:
    """Neither ports on the host's loopback nor abstract sockets nor sockets in folders can be reached."""
    targets = [service.target for service in services]
    for _, kind, address in [target for target in targets if target[0] == "AF_INET"]:
        targets.append(("AF_INET", kind, (_own_address(), address[1])))  # type: ignore[index] - of AF_INET
    outcomes = await run_program(devbox, program("connect"), targets)
    connected = [kind for (_, kind, _), outcome in zip(targets, outcomes, strict=True) if outcome == "connected"]
    assert set(connected) <= {"SOCK_DGRAM"}, "datagrams are sent to nobody without an error"
    assert [service.target for service in services if service.reached()] == []


def _own_address() -> str:
    """The host's address on its network, or its loopback where it has none; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


@pytest.mark.proof  # its start takes seconds; what listens in the test before is not reached in the same way
async def test_this_servers_own_port_is_not_reached(devbox: Devbox, tmp_path: Path) -> None:
    """A server of ours that listens on this machine answers the host, and no devbox."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = [sys.executable, "-m", "runloop_mcp", "serve", "--transport=http", "--no-auth", f"--port={port}"]
    with subprocess.Popen(
        [*serve, f"--state-dir={tmp_path}"], env=child_environment(), stderr=subprocess.PIPE
    ) as server:
        try:
            await anyio.to_thread.run_sync(_answers, port, server)
            targets = [["AF_INET", "SOCK_STREAM", [address, port]] for address in ("127.0.0.1", _own_address())]
            targets.append(["AF_INET6", "SOCK_STREAM", ["::1", port]])
            outcomes = await run_program(devbox, program("connect"), targets)
            assert set(outcomes) <= {"ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"}, outcomes
            await anyio.to_thread.run_sync(_answers, port, server)
        finally:
            server.terminate()


def _answers(port: int, server: subprocess.Popen[bytes]) -> None:
    """Returns once the server takes a connection."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert server.poll() is None, server.stderr and server.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


async def test_the_services_can_be_reached_at_all(services: list[Service]) -> None:
    """From the host every one of these services answers, so that silence means something."""
    for service in services:
        family, kind, address = service.target
        with socket.socket(getattr(socket, family), getattr(socket, kind)) as client:
            client.connect(address)
            client.send(b"hello")
        assert service.reached()


async def test_nothing_outside_is_reached(devbox: Devbox) -> None:
    """The metadata address, private networks and the internet are unreachable, at once and not after a time-out."""
    outcomes = await run_program(devbox, program("connect"), OUTSIDE)
    assert set(outcomes) <= {"ENETUNREACH", "EADDRNOTAVAIL", "EHOSTUNREACH", "EAFNOSUPPORT"}, outcomes


async def test_names_are_not_resolved_outside(devbox: Devbox) -> None:
    """A name can't be looked up, so that nothing leaks through questions to a resolver."""
    lookup = "import socket\ntry: print(socket.getaddrinfo('example.com', 80))\nexcept OSError: print('refused')"
    assert await succeed(devbox, python(lookup), timeout_seconds=20) == "refused"
    assert "localhost" in (await succeed(devbox, "getent hosts localhost")).split()


async def test_devboxes_do_not_reach_each_other(workshop: Workshop) -> None:
    """A server in one devbox, on its loopback or an abstract socket, is not there for another, nor for the host."""
    serving, attacking = await workshop.create(), await workshop.create()
    name = unique("abstract")
    server = (
        "import socket, signal\n"
        "tcp = socket.create_server(('0.0.0.0', 8155)); unix = socket.socket(socket.AF_UNIX); unix.bind('\\0"
        + name
        + "'); unix.listen()\n"
        "print('up', flush=True); signal.pause()"
    )
    running = await start(serving, python(server))
    await running.stdout.until(b"up")
    targets = [["AF_INET", "SOCK_STREAM", ["127.0.0.1", 8155]], ["AF_UNIX", "SOCK_STREAM", "\0" + name]]
    assert await run_program(serving, program("connect"), targets) == ["connected", "connected"]
    assert await run_program(attacking, program("connect"), targets) == ["ECONNREFUSED", "ECONNREFUSED"]
    with socket.socket(socket.AF_UNIX) as client:
        assert client.connect_ex("\0" + name) != 0
    await running.process.kill()


async def test_devboxes_do_not_see_each_other(workshop: Workshop, driver_case: DriverCase) -> None:
    """Processes, files, temporary files, shared memory and message queues of one devbox are not there in another."""
    marker = unique("neighbour")
    first, second = await workshop.create(), await workshop.create()
    places = f"touch ~/{marker} /tmp/{marker} /var/tmp/{marker} /dev/shm/{marker}"
    await succeed(first, f"{places}; ipcmk -Q; {daemon(marker)} | grep -m1 up")
    if driver_case.processes_on_host:
        assert marked_on_host(marker)
    assert await run_program(second, program("search"), [marker]) == []
    assert (await succeed(second, "ipcs -q | grep -c 0x || true")) == "0"
