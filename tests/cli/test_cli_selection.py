"""Which scenarios `--scenarios` of `eval` means."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from runloop_mcp.api.errors import InvalidRequest, NotFound
from runloop_mcp.cli.selection import chosen, selection
from runloop_mcp.cli.settings import load_settings
from runloop_mcp.cli.wiring import backend_for


def _scenario(pack: Path, name: str, tags: str, extra: str = "") -> None:
    (pack / name).mkdir(parents=True)
    (pack / name / "scenario.yaml").write_text(f"""\
format: 1
name: {name}
input_context: {{problem_statement: Nothing to do.}}
metadata: {{tags: "{tags}"}}
scoring_contract:
  scoring_function_parameters:
    - {{name: right, weight: 1, scorer: {{type: command_scorer, command: "true"}}}}
{extra}""")


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    """Two packs, of which the second has a folder that can't be loaded."""
    for name, tags in (("fix-one", "own,quick"), ("fix-two", "own"), ("build", "slow")):
        _scenario(tmp_path / "good", name, tags)
    _scenario(tmp_path / "bad", "fix-three", "own")
    _scenario(tmp_path / "bad", "broken", "own", "nonsense: 1\n")
    return tmp_path


async def _names(packs: Path, wanted: Sequence[str]) -> list[str]:
    meant = selection([each.replace("PACKS", str(packs)) for each in wanted])
    settings = load_settings(state_dir=packs / "state", scenarios=[packs / "good", *meant.packs])
    async with backend_for(settings) as backend:
        return [scenario.name for scenario in await chosen(backend, meant)]


async def test_scenarios_are_meant_by_name_pattern_tag_and_folder(packs: Path) -> None:
    """Each once, by name; several in one value, or one in each; folders of scenarios with all that is in them."""
    assert await _names(packs, ["fix-two,build", "fix-two"]) == ["build", "fix-two"]
    assert await _names(packs, ["fix-*"]) == ["fix-one", "fix-two"]
    assert await _names(packs, ["tag:own", "tag:slow"]) == ["build", "fix-one", "fix-two"]
    assert await _names(packs, ["PACKS/good"]) == ["build", "fix-one", "fix-two"]
    assert await _names(packs, ["PACKS/good/build", "PACKS/bad/fix-three"]) == ["build", "fix-three"]
    assert set(await _names(packs, [])) > {"build", "fix-one", "fix-two", "half-a-build"}


async def test_what_names_no_scenario_is_refused(packs: Path) -> None:
    """With what is wrong: an evaluation of something else than was meant would be worse than none."""
    for wanted in ("fix-four", "nothing-*", "tag:none"):
        with pytest.raises(NotFound, match=wanted.replace("*", r"\*")):
            await _names(packs, [wanted])
    with pytest.raises(InvalidRequest, match="'broken' can't be loaded"):
        await _names(packs, ["PACKS/bad"])
