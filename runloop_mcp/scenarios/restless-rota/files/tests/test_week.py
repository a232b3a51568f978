import pytest

from watchbill.week import BadWeek, parties, read


def test_cars_that_have_somebody_in_common_are_one_party():
    found = parties([{"Ada", "Ben"}, {"Cleo", "Dan"}, {"Eva", "Finn"}, {"Dan", "Ada"}])
    assert sorted(map(sorted, found)) == [["Ada", "Ben", "Cleo", "Dan"], ["Eva", "Finn"]]


@pytest.mark.parametrize("line", ["watch a 7.655 helm", "person Ada -1", "car Ada", "watch a 8 helm helm", "boat"])
def test_what_is_not_understood_is_named(tmp_path, line):
    (tmp_path / "week").write_text(f"week 1\n{line}\n")
    with pytest.raises(BadWeek, match="line 2"):
        read(tmp_path / "week")
