import json
from pathlib import Path

import pytest

from quaypower.cli import main

ROOT = Path(__file__).parent.parent
STANDARD = str(ROOT / "tariffs/standard.json")


def test_a_statement_as_text(capsys: pytest.CaptureFixture[str]):
    assert main(["bill", "--tariff", STANDARD, str(ROOT / "samples/pedestal-03.csv")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "pedestal 03, 2026-03-05 12:00 to 2026-03-06 12:00",
        "day               11.940 kWh        3.75 EUR",
        "night              6.708 kWh        1.26 EUR",
        "total             18.648 kWh        5.01 EUR",
    ]


def test_a_statement_as_json(capsys: pytest.CaptureFixture[str]):
    assert main(["bill", "--json", "--tariff", STANDARD, str(ROOT / "samples/pedestal-03.csv")]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["pedestal"] == "03"
    assert document["total"] == {"wh": 18_648, "cents": 501}


def test_one_reading_makes_no_statement(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "pedestal-1.csv"
    path.write_text("time,counter_wh\n2026-03-03T10:00,5\n")
    assert main(["bill", "--tariff", STANDARD, str(path)]) == 2
    assert "two readings" in capsys.readouterr().err
