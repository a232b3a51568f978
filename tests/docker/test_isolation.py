"""The server in a container of its own: the options that give its devboxes their full isolation, and no more."""

import json
import re
import shlex
from pathlib import Path

import pytest
from image import Image

from runloop_mcp.devbox.sandbox.diagnosis import CONTAINER_OPTIONS

ROOT = Path(__file__).parents[2]
PROFILE = ROOT / "docker" / "seccomp.json"
NESTED = {"mount", "mount_setattr", "pivot_root", "sethostname", "umount2", "unshare"}
"""The calls that devboxes are made with, and that Docker's own profile keeps from containers without rights."""
DANGEROUS = {
    "acct", "add_key", "bpf", "chroot", "clock_settime", "delete_module", "finit_module", "fsconfig", "fsmount",
    "fsopen", "init_module", "io_uring_setup", "ioperm", "iopl", "kexec_load", "keyctl", "move_mount",
    "open_by_handle_at", "open_tree", "perf_event_open", "quotactl", "reboot", "request_key", "setns", "settimeofday",
    "swapon", "syslog", "userfaultfd",
}  # fmt: skip


def test_the_profile_allows_what_devboxes_need_and_no_more() -> None:
    """What is not named is refused; of what Docker's own refuses, only the calls that make a devbox are allowed."""
    profile = json.loads(PROFILE.read_text())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    rules = profile["syscalls"]
    allowed = {name for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}
    assert allowed >= NESTED | {"read", "execve", "clone", "socket", "prlimit64", "seccomp"}
    assert not allowed & DANGEROUS
    assert not [
        rule for rule in rules if {"clone", "socket", "personality"} & set(rule["names"]) and "args" not in rule
    ]


@pytest.mark.parametrize("document", ["README.md", "docs/isolation.md", "Dockerfile"])
def test_documents_give_the_options_that_are_tested(document: str) -> None:
    """The command line that people read is the one that the server prints and that is tried here."""
    joined = re.sub(r"\\\n#?", " ", (ROOT / document).read_text())
    text = " ".join(joined.split())
    wanted = CONTAINER_OPTIONS.replace("seccomp.json", r"(docker/)?seccomp.json")
    assert re.search(rf"docker run -i --rm {wanted} runloop-mcp", text), f"{document} has another command line"


@pytest.mark.proof
@pytest.mark.timeout(1800)
class TestInContainer:
    """What the options give, in a real container of a real daemon."""

    @pytest.fixture
    def options(self, image: Image, tmp_path: Path) -> list[str]:
        """The options that people are told, with the profile that comes in the image."""
        path = "/usr/local/share/runloop-mcp/seccomp.json"
        profile = image.run(path, options=("--entrypoint=cat",))
        assert json.loads(profile) == json.loads(PROFILE.read_text())
        (tmp_path / "seccomp.json").write_text(profile)
        return shlex.split(CONTAINER_OPTIONS.replace("seccomp.json", str(tmp_path / "seccomp.json")))

    def test_devboxes_are_isolated_in_full(self, image: Image, options: list[str]) -> None:
        """A run comes to its score, and `doctor` finds the same tier as on a host."""
        assert "score ████████████████████ 1" in image.run("demo", options=options)
        found = json.loads(image.run("doctor", "--json", options=options))
        assert (found["devboxes"], found["tier"]) == (True, "namespaces"), found

    def test_the_container_itself_may_little(self, image: Image, options: list[str]) -> None:
        """It has no capability and can't gain one; what its profile refuses is refused to root as well."""
        shown = image.run(
            "-c", "grep -E 'Cap(Prm|Bnd)|NoNew|Seccomp:' /proc/self/status", options=[*options, "--entrypoint=sh"]
        )
        status = dict(line.split(":\t") for line in shown.splitlines())
        assert {int(status["CapPrm"], 16), int(status["CapBnd"], 16)} == {0}
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        attempt = "nsenter -t 1 -m true; echo $?; chroot / true; echo $?"
        shown = image.run("-c", attempt, options=[*options, "--user=0", "--entrypoint=sh"])
        assert "0" not in shown.split()

    def test_each_option_is_needed(self, image: Image, options: list[str]) -> None:
        """Without the profile or the paths a run is refused, with the command line that gives both."""
        for left_out in ("seccomp=", "systempaths="):
            place = next(number for number, option in enumerate(options) if option.startswith(left_out))
            fewer = options[: place - 1] + options[place + 1 :]
            with pytest.raises(AssertionError, match="docker run -i --rm") as failed:
                image.run("demo", options=fewer)
            assert CONTAINER_OPTIONS in str(failed.value)
