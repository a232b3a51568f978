"""Complaints that came in with figures, as the harbour office worked them out by hand."""

import json
from pathlib import Path

import pytest

from quaypower.cli import main

ROOT = Path(__file__).parent.parent


def test_pedestal_12_logger_off_overnight(capsys: pytest.CaptureFixture[str]):
    """No readings from Tuesday 20:30 to Wednesday 08:30, 18,000 Wh in 12 hours: 3 of these hours are at the day price."""
    status = main(
        ["bill", "--json", "--tariff", str(ROOT / "tariffs/standard.json"), str(ROOT / "samples/pedestal-12.csv")]
    )
    assert status == 0
    lines = {line["band"]: line["wh"] for line in json.loads(capsys.readouterr().out)["lines"]}
    assert lines == {"day": 10_042, "night": 13_500}
