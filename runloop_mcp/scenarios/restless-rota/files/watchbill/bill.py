"""A plan as text."""

from watchbill.planner import Car, Plan, Stand


def text(plan: Plan) -> str:
    """The watch bill: what hangs on the board."""
    lines = [f"week {plan.week.title}".rstrip()]
    for stand in plan.stands:
        lines += _stand(stand)
    standing = {name for name in plan.stood if plan.stood[name]}
    for name in sorted(standing, key=plan.hours, reverse=True):
        lines.append(f"{name:<10} {plan.hours(name):6.2f} h in {len(plan.stood[name])}")
    idle = set(plan.stood) - standing
    if idle:
        lines.append("no watch: " + ", ".join(sorted(idle)))
    return "".join(line + "\n" for line in lines)


def _stand(stand: Stand) -> list[str]:
    crew = ", ".join(f"{role} {name}" for role, name in stand.crew.items())
    lines = [f"{stand.watch.name:<10} {stand.watch.hours:6.2f} h  {crew}".rstrip()]
    if stand.vacant:
        lines.append(f"{'':<10} vacant: {', '.join(stand.vacant)}")
    if stand.cars:
        lines.append(f"{'':<10} cars: {', '.join(map(_car, stand.cars))}")
    return lines


def _car(car: Car) -> str:
    return f"{car.driver} ({' '.join(car.passengers)})"
