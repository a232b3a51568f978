from watchbill.planner import plan
from watchbill.week import Person, Watch, Week


def week(people, *watches):
    return Week("", {each.name: each for each in people}, {each.name: each for each in watches})


def person(name, *skills, limit=40.0):
    return Person(name, limit, frozenset(skills))


def test_nobody_stands_two_watches_in_a_row():
    made = plan(week([person("Ada", "helm")], *(Watch(f"w{n}", 8.0, ("helm",)) for n in range(3))))
    assert [stand.crew for stand in made.stands] == [{"helm": "Ada"}, {}, {"helm": "Ada"}]
    assert made.stands[1].vacant == {"helm"}


def test_the_one_with_the_fewest_hours_is_next():
    people = [person("Ada", "helm", "mech"), person("Ben", "helm"), person("Cleo", "mech")]
    watches = [Watch("a", 8.0, ("helm",)), Watch("b", 4.0, ("mech",)), Watch("c", 4.0, ("mech", "helm"))]
    assert plan(week(people, *watches)).stands[2].crew == {"mech": "Ada", "helm": "Ben"}


def test_limits_are_kept():
    made = plan(week([person("Ada", "helm", limit=10.0)], Watch("a", 10.5, ("helm",)), Watch("b", 10.0, ("helm",))))
    assert [stand.crew for stand in made.stands] == [{}, {"helm": "Ada"}]
