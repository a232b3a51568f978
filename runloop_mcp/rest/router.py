"""Finds the route of a request: what a template spells out goes before its parameters."""

from collections.abc import Iterable, Sequence

from runloop_mcp.rest.route import Route

Found = tuple[Route, list[str]]
"""A route, and the values of the parameters of its path in their order."""


class Router:
    """All routes, by the segments of their paths.

    Args:
        routes: The routes; no two of one method and path.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._root.add(_segments(route.path), route)

    def find(self, method: str, path: str) -> Found | None:
        """The route of a request, or None where there is none of this method and path."""
        return self._root.find(method, _segments(path), 0, [])


class _Node:
    """What can follow a part of a path."""

    __slots__ = ("any", "routes", "spelled")

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.spelled: dict[str, _Node] = {}
        self.any: _Node | None = None

    def add(self, segments: Sequence[str], route: Route) -> None:
        if not segments:
            if route.method in self.routes:
                raise ValueError(f"There are two routes {route.method} {route.path}.")
            self.routes[route.method] = route
            return
        first, rest = segments[0], segments[1:]
        if first.startswith("{"):
            self.any = self.any or _Node()
            self.any.add(rest, route)
        else:
            self.spelled.setdefault(first, _Node()).add(rest, route)

    def find(self, method: str, segments: Sequence[str], at: int, values: list[str]) -> Found | None:
        if at == len(segments):
            route = self.routes.get(method)
            return None if route is None else (route, values)
        segment = segments[at]
        spelled = self.spelled.get(segment)
        if spelled is not None and (found := spelled.find(method, segments, at + 1, values)):
            return found
        if self.any is None or not segment:
            return None
        return self.any.find(method, segments, at + 1, [*values, segment])


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")
