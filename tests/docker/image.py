"""The server's image, built without a registry or a package index."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from docker_daemon import DOCKER, base_files, daemon, install_programs, run

ROOT = Path(__file__).parents[2]
_NAME = "runloop-mcp-check"
EXTRAS = "scorers,metrics,otel,oauth,plots"


@dataclass(frozen=True)
class Image:
    """A built image, and the environment that leads the docker command to the daemon that has it."""

    environment: dict[str, str]

    def command(self, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        """The command that runs it, in a container without a network."""
        return [DOCKER, "run", "--interactive", "--rm", "--network=none", *options, _NAME, *arguments]

    def run(self, *arguments: str, options: Sequence[str] = ()) -> str:
        """Runs it, and gives what it printed."""
        return run(*self.command(*arguments, options=options), environment=self.environment)


@contextmanager
def built_image() -> Iterator[Image]:
    """Builds it with a daemon of its own, from an imported base and wheels; takes minutes."""
    install_programs()
    wheels = ROOT / "build" / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    constraints = [f"--{kind}={ROOT / 'constraints.txt'}" for kind in ("constraint", "build-constraint")]
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", f"--wheel-dir={wheels}")
    run(*pip, *constraints, f"{ROOT}[{EXTRAS}]", "hatchling")
    # A short path, as a socket's name has to be, on a disk that containers can lie on.
    with tempfile.TemporaryDirectory(prefix="docker-check-", dir="/var/tmp") as folder:
        archive = ROOT / "build" / "docker-base.tar"
        base_files(archive, Path(folder))
        with daemon(Path(folder)) as environment:
            run(DOCKER, "import", str(archive), "runloop-base", environment=environment)
            arguments = ["--build-arg=BASE=runloop-base", "--build-arg=WHEELS=build/wheels"]
            build = [DOCKER, "build", "--network=none", *arguments, f"--tag={_NAME}", str(ROOT)]
            run(*build, seconds=900, environment=environment)
            yield Image(environment)
