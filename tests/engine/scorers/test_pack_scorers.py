"""Custom scorers of packs: files that are read again when they change."""

from pathlib import Path

import pytest
from probed_driver import ProbedDriver

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.api.ids import IdPrefix, stable_id
from runloop_mcp.api.models.scorer import ScorerCreateParams, ScorerListParams, ScorerUpdateParams, ScorerView
from runloop_mcp.engine.backend import EmbeddedEngine

SCRIPT = "echo 1.0\n"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack with one custom scorer, and with a file beside it that is none."""
    folder = tmp_path / "mine" / "scorers"
    folder.mkdir(parents=True)
    (folder / "says-yes.sh").write_text(SCRIPT)
    (folder / "README.md").write_text("What these are.")
    return tmp_path / "mine"


def engine(state: Path, *packs: Path) -> EmbeddedEngine:
    """A server on these packs."""
    return EmbeddedEngine(state, ProbedDriver(state / "sandbox"), packs=packs)


async def listed(backend: EmbeddedEngine) -> list[ScorerView]:
    """All custom scorers."""
    return (await backend.scorers.list(ScorerListParams())).items


async def test_a_packs_scorers_are_registered_with_it(tmp_path: Path, pack: Path) -> None:
    """They have ids that outlive a store, come and go with the pack's files, and can't be changed over the API."""
    scorer = ScorerView(id=stable_id(IdPrefix.SCORER, "mine", "says-yes"), type="says-yes", bash_script=SCRIPT)
    async with engine(tmp_path / "state", pack) as backend:
        assert await listed(backend) == [scorer]
        assert await backend.scorers.retrieve(scorer.id) == scorer
        with pytest.raises(InvalidRequest, match="already exists"):
            await backend.scorers.create(ScorerCreateParams(type="says-yes", bash_script="echo 0"))
        with pytest.raises(InvalidRequest, match="comes from a pack") as refused:
            await backend.scorers.update(scorer.id, ScorerUpdateParams(type="says-yes", bash_script="echo 0"))
        assert str(pack / "scorers" / "says-yes.sh") in refused.value.hint
    (pack / "scorers" / "says-yes.sh").write_text("echo 0.5\n")
    async with engine(tmp_path / "state", pack) as backend:
        assert await listed(backend) == [scorer.model_copy(update={"bash_script": "echo 0.5\n"})]
    async with engine(tmp_path / "state") as backend:
        assert await listed(backend) == []
        with pytest.raises(NotFound):
            await backend.scorers.retrieve(scorer.id)


@pytest.mark.parametrize(
    ("name", "contents", "fault"),
    [
        ("says no.sh", b"echo 0", "can't be the type"),
        ("empty.sh", b"\n", "It is empty"),
        ("binary.sh", b"\xff\xfe", "not UTF-8"),
        ("nul.sh", b"echo \0", "NUL"),
        ("long.sh", b"#" * (4 * 1024 * 1024 + 1), "larger than 4 MiB"),
    ],
)
async def test_a_file_that_is_no_scorer_is_named(
    tmp_path: Path, pack: Path, name: str, contents: bytes, fault: str
) -> None:
    """The problem has the file and what is wrong with it; whoever misses the type is told, and the others work."""
    path = pack / "scorers" / name
    path.write_bytes(contents)
    async with engine(tmp_path / "state", pack) as backend:
        (problem,) = map(str, await backend.problems())
        assert problem.startswith(f"{path}: ")
        assert fault in problem
        assert [scorer.type for scorer in await listed(backend)] == ["says-yes"]


async def test_packs_of_one_name_are_told_apart(tmp_path: Path, pack: Path) -> None:
    """Where two have a scorer of one type, the second is named, with the first; a pack given twice is one pack."""
    twin = tmp_path / "elsewhere" / "mine" / "scorers"
    twin.mkdir(parents=True)
    (twin / "says-yes.sh").write_text(SCRIPT)
    async with engine(tmp_path / "state", pack, twin.parent, pack) as backend:
        (problem,) = map(str, await backend.problems())
    assert problem.startswith(f"{twin / 'says-yes.sh'}: The pack {pack} has the same name")
