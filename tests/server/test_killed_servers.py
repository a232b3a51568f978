"""The end of a server in the middle of runs, in every way: what was acknowledged is there, and the next one goes on."""

import hashlib
import os
import random
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import forked_python
import pytest
from killable import Gone, Refused, Server, adopting_orphans, control_groups_of, mounts_below, orphans_gone
from mcp_agent import scenario_folder, scorer

_ANSWER = "answer.txt"
_PLAYERS = 3
_BUSY = re.compile(r"held by another|still booting|has just ended|just being ended|ended while it was booting")
_STATES = re.compile(r"\b(running|scoring|scored|completed|canceled|failed|timeout)\b")


@dataclass
class Ledger:
    """What a server has acknowledged about one run."""

    key: str
    run_id: str = ""
    files: dict[str, str] = field(default_factory=dict)
    """Path → contents."""
    unsure: dict[str, set[str]] = field(default_factory=dict)
    """Path → contents that it may have: a server ended before it said whether they were written."""
    executions: dict[str, str] = field(default_factory=dict)
    """Execution → output."""
    left_running: set[str] = field(default_factory=set)
    score: str | None = None
    completed: bool = False

    def begin(self, path: str, text: str) -> None:
        """Contents are on their way into a file."""
        self.unsure.setdefault(path, set()).add(text)

    def sure(self, path: str, text: str) -> None:
        """They are there."""
        self.files[path] = text
        del self.unsure[path]

    @property
    def possible_scores(self) -> set[str]:
        """What it can score, by what is in the file that is scored."""
        if _ANSWER in self.files:
            return {"1.0"}
        return {"1.0", "0.25"} if _ANSWER in self.unsure else {"0.25"}


Step = Callable[[Server, Ledger], Awaitable[None]]


async def insist(server: Server, tool: str, **arguments: object) -> str:
    """Calls a tool, again where time will cure what stands in the way.

    Raises:
        Gone: The server was killed before it answered.
    """
    with anyio.fail_after(60):
        while True:
            try:
                return await server.call(tool, **arguments)
            except Refused as refused:
                if not _BUSY.search(str(refused)):
                    raise
                await anyio.sleep(0.02)


class Player:
    """Plays runs with whoever serves, and keeps a ledger of each."""

    def __init__(self, scenario_id: str, chance: random.Random) -> None:
        self._scenario_id = scenario_id
        self._chance = chance
        self.ledgers: list[Ledger] = []

    def steps(self) -> list[Step]:
        """The steps of a run, from its start to its end."""
        middle = self._chance.choices([self._execute, self._write, self.leave_running, self.answer], k=4)
        return [self.start, *middle, self.score, self.complete]

    async def start(self, server: Server, ledger: Ledger) -> None:
        """Starts the run; again with the same key it is the same run."""
        told = await insist(server, "start_run", scenario_id=self._scenario_id, idempotency_key=ledger.key)
        run_id = re.findall(r"scr_\w+", told)[0]
        assert ledger.run_id in ("", run_id)
        ledger.run_id = run_id

    async def _execute(self, server: Server, ledger: Ledger) -> None:
        path, text = f"file-{len(ledger.files)}", f"{self._chance.random()}\n"
        ledger.begin(path, text)
        command = f"echo -n '{text}' | tee {path}; seq {self._chance.choice([1, 3000])}"
        told = await insist(server, "exec_on_devbox", run_id=ledger.run_id, command=command)
        assert "Exit status 0" in told, told
        assert text in told
        ledger.executions[re.findall(r"exe_\w+", told)[0]] = text
        ledger.sure(path, text)

    async def _write(self, server: Server, ledger: Ledger) -> None:
        path = self._chance.choice(["a/written", "written"])
        text = f"{self._chance.random()} " * self._chance.choice([1, 3000])
        ledger.begin(path, text)
        await insist(server, "write_file", run_id=ledger.run_id, path=path, content=text)
        ledger.sure(path, text)

    async def answer(self, server: Server, ledger: Ledger) -> None:
        """Solves the scenario."""
        ledger.begin(_ANSWER, "42\n")
        await insist(server, "write_file", run_id=ledger.run_id, path=_ANSWER, content="42\n")
        ledger.sure(_ANSWER, "42\n")

    async def leave_running(self, server: Server, ledger: Ledger) -> None:
        """Starts a command that does not end by itself, and reads what it has said."""
        # It speaks when it is on record as begun already, so that the record of its start does not have its output.
        command = "sleep 0.2; echo $((40 + 2)) begun; exec sleep 97"
        told = await insist(server, "exec_on_devbox", run_id=ledger.run_id, command=command, background=True)
        execution_id = re.findall(r"exe_\w+", told)[0]
        ledger.left_running.add(execution_id)
        place = {"run_id": ledger.run_id, "execution_id": execution_id, "offset": 0, "limit": 100}
        with anyio.fail_after(60):
            while "42 begun" not in await insist(server, "get_execution", **place):  # noqa: ASYNC110 - the other end can't wake us
                await anyio.sleep(0.02)
        ledger.executions[execution_id] = "42 begun"

    async def score(self, server: Server, ledger: Ledger) -> None:
        """Scores the run, and waits for its score."""
        told = await insist(server, "score_run", run_id=ledger.run_id)
        while f"{ledger.run_id} is scoring" in told:
            told = await insist(server, "get_score", run_id=ledger.run_id)
        found = re.match(r"Score ([\d.]+\d)", told)
        assert found, told
        assert found[1] in ledger.possible_scores, told
        assert ledger.score in (None, found[1])
        ledger.score = found[1]

    async def complete(self, server: Server, ledger: Ledger) -> None:
        """Completes the run."""
        assert "ompleted" in await insist(server, "complete_run", run_id=ledger.run_id)
        ledger.completed = True


async def check(server: Server, ledger: Ledger) -> None:
    """What was acknowledged of a run is there."""
    if not ledger.run_id:
        return
    told = await insist(server, "get_run", run_id=ledger.run_id)
    state = _STATES.findall(told.partition("\n")[0])[0]
    after = ["completed"] if ledger.completed else ["scored", "completed"]
    assert state in (after if ledger.score else ["running", "scoring", *after]), told
    if ledger.score:
        assert f"Score {ledger.score} " in await insist(server, "get_score", run_id=ledger.run_id)
    for execution_id, text in ledger.executions.items():
        place = {"run_id": ledger.run_id, "execution_id": execution_id, "offset": 0, "limit": 100}
        assert text in await insist(server, "get_execution", **place)
    for execution_id in ledger.left_running:
        place = {"run_id": ledger.run_id, "execution_id": execution_id, "wait_seconds": 0}
        assert "Exit status 137" in await insist(server, "get_execution", **place)
    if state == "running" and ledger.files:
        sums = await insist(server, "exec_on_devbox", run_id=ledger.run_id, command="cat ~/set-up; sha256sum * a/*")
        assert "set-up" in sums
        for path, text in ledger.files.items():
            possible = {hashlib.sha256(each.encode()).hexdigest() for each in (text, *ledger.unsure.get(path, ()))}
            assert any(f"{each}  {path}\n" in sums for each in possible), (path, sums)


class Arena:
    """Servers on one state directory, of which one after the other is killed while runs are played."""

    def __init__(self, folder: Path) -> None:
        self.state, self.log, self._pack = folder / "state", folder / "log", folder / "pack"
        functions = (scorer("right", 0.75, f'test "$(cat {_ANSWER})" = 42'), scorer("slow", 0.25, "sleep 0.05"))
        scenario_folder(self._pack, "busy", functions=functions, launch_commands=["echo set-up > ~/set-up"])
        self.server: Server
        """Who is played with."""
        self.over = False
        self._taken = 0
        self._servers: list[Server] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over = True
        with anyio.CancelScope(shield=True):
            for server in self._servers:
                if server.process.returncode is None:
                    await server.end(signal.SIGKILL)

    async def new_server(self, *before: str) -> Server:
        """Another server on the state directory; `before` is what its command line begins with."""
        self._servers.append(await Server.started(self.state, self._pack, self.log, *before))
        return self._servers[-1]

    async def scenario_id(self) -> str:
        """The scenario that is played."""
        return re.findall(r"scn_\w+", await insist(self.server, "list_scenarios", query="busy"))[0]

    async def play(self, player: Player) -> None:
        """Plays one run after the other; when it is over the last one is left where it is."""
        while not self.over:
            ledger = Ledger(key=f"{id(player)}-{len(player.ledgers)}")
            player.ledgers.append(ledger)
            for step in player.steps():
                await self._take(step, ledger)

    async def _take(self, step: Step, ledger: Ledger) -> None:
        """Takes a step, and again with the next server where the one that was asked is killed."""
        while not self.over:
            server = self.server
            try:
                await step(server, ledger)
            except Gone:
                while self.server is server and not self.over:  # noqa: ASYNC110 - the one who kills brings the next
                    await anyio.sleep(0.002)
            else:
                self._taken += 1
                return

    async def goes_on(self, steps: int) -> None:
        """Returns when so many more steps were acknowledged, whoever took them."""
        due = self._taken + steps
        with anyio.fail_after(60):
            while self._taken < due:  # noqa: ASYNC110 - players take them, and know of nobody who waits
                await anyio.sleep(0.002)

    def devboxes(self) -> set[str]:
        """The devboxes that there ever were, as far as their outputs and disks tell."""
        return {path.name for part in ("outputs", "sandbox/devboxes") for path in (self.state / part).iterdir()}

    def gc(self) -> list[str]:
        """Removes all that can be, with the command, and gives what is left of runs then."""
        options = ["--state-dir", str(self.state), "--retention-days", "0"]
        forked_python.run(["-m", "runloop_mcp", "gc", *options], env=os.environ, timeout=60).check_returncode()
        parts = ("outputs", "locks", "servers", *(f"sandbox/{part}" for part in ("devboxes", "snapshots", "trash")))
        found = [path for part in parts for path in (self.state / part).iterdir()]
        return [str(path) for path in [*found, *(self.state / "sandbox" / "layers").glob("snapshot-*")]]


@pytest.fixture
def arena(tmp_path: Path, with_tools: Callable[[Path], Path]) -> Arena:
    """An arena whose servers need not build what devboxes share."""
    with_tools(tmp_path / "state")
    return Arena(tmp_path)


async def kill(arena: Arena, players: list[Player], chance: random.Random) -> None:
    """Kills who serves, looks at everything with the next one, and has that serve."""
    # The next one is there already when the moment comes, or is started afterwards.
    waiting = await arena.new_server() if chance.random() < 0.7 else None
    await arena.goes_on(chance.randint(1, 8))
    await anyio.sleep(chance.uniform(0, 0.05))
    assert await arena.server.end(signal.SIGKILL) == -signal.SIGKILL
    await orphans_gone(*filter(None, [waiting]))
    following = waiting or await arena.new_server()
    async with anyio.create_task_group() as checks:
        for player in players:
            for ledger in player.ledgers[-2:]:
                checks.start_soon(check, following, ledger)
    arena.server = following


@pytest.mark.timeout(1800)
async def test_nothing_acknowledged_is_lost_by_kill_9_at_any_moment(arena: Arena, full_size: bool) -> None:
    """States, scores, files and outputs are there, no process is left, and every run is carried on to its score."""
    async with adopting_orphans(), arena:
        arena.server = await arena.new_server()
        players = [Player(await arena.scenario_id(), random.Random(number)) for number in range(_PLAYERS)]  # noqa: S311 - no secret
        chance = random.Random(4711)  # noqa: S311 - no secret
        async with anyio.create_task_group() as playing:
            for player in players:
                playing.start_soon(arena.play, player)
            for _ in range(100 if full_size else 5):
                await kill(arena, players, chance)
            arena.over = True
        await arena.server.end(signal.SIGKILL)
        arena.server = await arena.new_server()
        devboxes = arena.devboxes()
        for player in players:
            for ledger in player.ledgers:
                await check(arena.server, ledger)
                for step in (player.start, player.score, player.complete):
                    await step(arena.server, ledger)
        count = sum(len(player.ledgers) for player in players)
        assert f"{count} runs" in await insist(arena.server, "list_runs")
        assert await arena.server.end(None) == 0
        await orphans_gone()
        assert arena.gc() == []
    assert mounts_below(arena.state) == []
    assert control_groups_of(devboxes) == []
    assert "Traceback" not in arena.log.read_text()


_ENDS_WITH_ITS_PARENT = (sys.executable, "-c", "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()")

_WAYS = {
    "hang-up": None,
    "death of its parent": signal.SIGKILL,
    "kill -9": signal.SIGKILL,
    "SIGTERM": signal.SIGTERM,
    "SIGINT": signal.SIGINT,
}


_FEW_WAYS = ("kill -9",)
"""Those of the default suite, in which the end by each signal and with the parent has tests of its own."""


async def test_a_run_goes_on_whichever_way_its_server_ends(arena: Arena, full_size: bool) -> None:
    """Client hang-up, signals, the death of the parent, and kill -9: files are there, and another server scores."""
    before: Ledger | None = None
    async with adopting_orphans(), arena:
        ways = {way: _WAYS[way] for way in (_WAYS if full_size else _FEW_WAYS)}
        for way, number in [*ways.items(), ("the end", None)]:
            arena.server = await arena.new_server(*(_ENDS_WITH_ITS_PARENT if "parent" in way else ()))
            player = Player(await arena.scenario_id(), random.Random(1))  # noqa: S311 - no secret
            if before is not None:
                await check(arena.server, before)
                await player.score(arena.server, before)
                assert before.score == "1.0", f"after {before.key}"
            before = Ledger(key=way)
            for step in (player.start, player.answer, player.leave_running):
                await step(arena.server, before)
            await arena.server.end(number)
            await orphans_gone()
    assert "Traceback" not in arena.log.read_text()
