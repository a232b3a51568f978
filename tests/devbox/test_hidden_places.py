"""Where the server's own package can lie below what devboxes see."""

from pathlib import Path

from runloop_mcp.devbox.sandbox.tools import site_directories


def test_packages_are_found_in_every_environment_below_usr(tmp_path: Path) -> None:
    """Links that lead in a circle, and folders that are none, keep nothing from being found."""
    places = (
        "lib/python3/dist-packages",
        "local/lib/python3.13/dist-packages",
        "local/lib64/python3.13/site-packages",
        "local/venv/lib/python3.12/site-packages",
        "local/share/tool/lib/python3.12/site-packages",
        "local/share/tools/tool/lib/python3.12/site-packages",
        "share/tool/lib/python3.11/site-packages",
        "lib/tool/lib/python3.11/site-packages",
        "src/tool/lib64/python3.11/site-packages",
    )
    for place in places:
        (tmp_path / place).mkdir(parents=True)
    for folder in ("", "local", "local/share", "share", "lib", "src", "local/lib"):
        (tmp_path / folder / "circle").symlink_to("circle")
        (tmp_path / folder / "python3.file").touch()
    assert site_directories(str(tmp_path)) == {str(tmp_path / place) for place in places}
