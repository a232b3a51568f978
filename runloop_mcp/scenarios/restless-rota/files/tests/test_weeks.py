"""Bills that were agreed with the crew."""

from pathlib import Path

import pytest

from watchbill.bill import text
from watchbill.planner import plan
from watchbill.week import read

WEEKS = Path(__file__).parent.parent / "weeks"


@pytest.mark.parametrize("number", [33, 34])
def test_the_bill_is_the_one_that_was_agreed(number):
    assert text(plan(read(WEEKS / f"{number}.txt"))) == (WEEKS / f"{number}.bill").read_text()
