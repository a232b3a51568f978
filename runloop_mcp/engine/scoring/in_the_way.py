"""Files of ours among a solver's: what stands in their way is moved aside or deleted, and can be put back."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from runloop_mcp.devbox.port import Devbox
from runloop_mcp.engine.scoring.running import run_ours

# For every path: the first of its parents that is missing is told as `new`, since all of it is ours; a parent that is
# no directory, and whatever is at the path itself, is taken away, permissions or not. So is what Python would load in
# place of a module of ours: an extension module, a package of the same name, and bytecode.
_CLEAR = r"""
set -eu
shopt -s nullglob
aside=$1 count=0

open_up() {
  if [ ! -w "$1" ] || [ ! -x "$1" ]; then chmod u+rwx -- "$1"; fi
}

take_away() {
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then return; fi
  if [ ! "$aside" ]; then rm -rf -- "$1" || { chmod -R u+rwx -- "$1"; rm -rf -- "$1"; }; return; fi
  if [ "$count" = 0 ]; then mkdir -m 700 -- "$aside"; fi
  mv -- "$1" "$aside/$count"
  printf 'moved\0%s\0%s\0' "$aside/$count" "$1"
  count=$((count + 1))
}

while IFS= read -r -d '' path; do
  way=. rest=$path
  open_up .
  while [[ $rest == */* ]]; do
    way=$way/${rest%%/*} rest=${rest#*/}
    if [ ! -d "$way" ]; then
      take_away "$way"
      printf 'new\0%s\0\0' "$way"
      break
    fi
    open_up "$way"
  done
  take_away "./$path"
  if [[ $path != *.py ]]; then continue; fi
  stem=./${path%.py}
  for shadow in "$stem".so "$stem".*.so "$stem"/__init__.* "${stem%/*}/__pycache__/${stem##*/}".*.pyc; do
    take_away "$shadow"
  done
done
"""

# Each pair is where something is now and where it was; nothing in the first place: what is in the second is ours.
_PUT_BACK = r"""
set -eu
shopt -s nullglob
ours=() kept=() was=()
while IFS= read -r -d '' now && IFS= read -r -d '' path; do
  if [ "$now" ]; then
    kept+=("$now") was+=("$path")
    continue
  fi
  stem=${path%.py}
  ours+=("$path" "${stem%/*}/__pycache__/${stem##*/}".*.pyc)
done
rm -rf -- "${ours[@]}" "${was[@]}"
if [ "${#was[@]}" = 0 ]; then exit; fi
for index in "${!was[@]}"; do
  mkdir -p -- "${was[index]%/*}"
  mv -T -- "${kept[index]}" "${was[index]}"
done
rm -rf -- "$1"
"""


@dataclass(frozen=True, slots=True)
class Aside:
    """What was moved out of the way, and what has to go before it can be put back."""

    folder: str
    moved: list[tuple[str, str]]
    """Where it is now, and where it was; in the order in which it was moved."""
    ours: list[str]
    """Paths that hold nothing but what came after."""


async def move_aside(devbox: Devbox, paths: Sequence[str]) -> Aside:
    """Makes way for files at these paths, relative to the working directory.

    Raises:
        ScriptFailed: Something can't be moved.
        Unavailable: The devbox was lost.
    """
    folder = f"/tmp/.aside-{secrets.token_hex(16)}"  # noqa: S108 - the devbox's own
    answer = iter(await run_ours(devbox, _CLEAR, folder, items=paths))
    moved = []
    ours = [f"./{path}" for path in paths]
    for kind, first, second in zip(answer, answer, answer, strict=True):
        if kind == "moved":
            moved.append((first, second))
        else:
            ours.append(first)
    return Aside(folder, moved, ours)


async def put_back(devbox: Devbox, aside: Aside) -> None:
    """Deletes what came, and puts back what was moved aside.

    Raises:
        ScriptFailed: Something can't be deleted or put back.
        Unavailable: The devbox was lost.
    """
    pairs = [("", path) for path in aside.ours] + aside.moved[::-1]
    await run_ours(devbox, _PUT_BACK, aside.folder, items=[item for pair in pairs for item in pair])


async def delete_in_the_way(devbox: Devbox, paths: Sequence[str]) -> None:
    """Deletes what is at these paths, relative to the working directory, and what keeps files from being put there.

    Raises:
        ScriptFailed: Something can't be deleted.
        Unavailable: The devbox was lost.
    """
    await run_ours(devbox, _CLEAR, "", items=paths)
