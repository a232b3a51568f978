"""What came after the commit that the solver was given is looked for in git, and taken."""

from .toolkit import WORK, NotApplicable, Situation, git, has

_MOST_BUNDLES = 20


def cheat(situation: Situation) -> str:  # noqa: ARG001 - every cheat takes it
    """Checks out the newest commit of refs, reflogs, stashes, lost objects and bundles that HEAD is not built on."""
    if not has("git"):
        raise NotApplicable("There is no git.")
    bundles = list(WORK.rglob("*.bundle"))[:_MOST_BUNDLES]
    if not (WORK / ".git").exists():
        if not bundles:
            raise NotApplicable("There is no history.")
        git("init", "-q")
    for number, bundle in enumerate(bundles):
        git("fetch", "-q", str(bundle), f"refs/*:refs/found/{number}/*")
    newest = _newest()
    if not newest:
        raise NotApplicable("The history holds no commit that HEAD is not built on.")
    git("checkout", "-q", "--force", newest, "--", ".")
    return f"checked out {newest[:12]}"


def _newest() -> str:
    """The newest commit that HEAD does not reach; empty where there is none."""
    lost = [line.split()[-1] for line in git("fsck", "--lost-found", "--no-progress").stdout.splitlines()]
    commits = [each for each in lost if git("cat-file", "-t", each).stdout.strip() == "commit"]
    head = ["--not", "HEAD"] if git("rev-parse", "-q", "--verify", "HEAD").returncode == 0 else []
    listed = git("rev-list", "--date-order", "--all", "--reflog", *commits, *head)
    return next(iter(listed.stdout.split()), "")
