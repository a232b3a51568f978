"""Files of devboxes over the wire."""

import httpx
import pytest
from rest_devboxes import executed, running_devbox
from rest_server import Served

from runloop_mcp.rest import uploads
from runloop_mcp.rest.routes import files


@pytest.fixture(scope="module")
def devbox(served: Served) -> str:
    """A devbox of the module's own."""
    return running_devbox(served.client)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("notes.txt", "/home/user/notes.txt"),
        ("new/sub dir/\u00e9.txt", "/home/user/new/sub dir/\u00e9.txt"),
        ("~/tilde.txt", "/home/user/tilde.txt"),
        ("/tmp/absolute.txt", "/tmp/absolute.txt"),
    ],
)
def test_text_files_are_written_and_read_from_the_home(
    client: httpx.Client, devbox: str, path: str, place: str
) -> None:
    """Relative paths begin at the home, as `~/` does; the directories that a file needs are made."""
    written = client.post(
        f"/v1/devboxes/{devbox}/write_file_contents", json={"file_path": path, "contents": "h\u00e9llo\r\n"}
    )
    assert written.status_code == 200, written.text
    assert written.json() == {"devbox_id": devbox, "exit_status": 0, "stdout": "", "stderr": ""}
    assert executed(client, devbox, f"cat '{place}'")["stdout"] == "h\u00e9llo\r\n"
    read = client.post(f"/v1/devboxes/{devbox}/read_file_contents", json={"file_path": path})
    assert (read.status_code, read.content) == (200, "h\u00e9llo\r\n".encode())
    assert read.headers["content-type"] == "text/plain; charset=utf-8"


def test_what_is_no_text_is_read_as_one_all_the_same(client: httpx.Client, devbox: str) -> None:
    """Bytes that are not UTF-8 become U+FFFD; `download_file` has them as they are."""
    executed(client, devbox, r"printf 'a\xffb\0c' > ~/mixed")
    read = client.post(f"/v1/devboxes/{devbox}/read_file_contents", json={"file_path": "mixed"})
    assert read.content == "a\ufffdb\0c".encode()
    got = client.post(f"/v1/devboxes/{devbox}/download_file", json={"path": "mixed"})
    assert got.content == b"a\xffb\0c"


@pytest.mark.parametrize("size", [0, 1000, 9_000_000])
def test_files_are_uploaded_and_downloaded(client: httpx.Client, devbox: str, size: int) -> None:
    """Any bytes, whether they fit into one piece or not."""
    contents = (bytes(range(256)) * (size // 256 + 1))[:size]
    sent = client.post(
        f"/v1/devboxes/{devbox}/upload_file", data={"path": "in/upload.bin"}, files={"file": ("upload.bin", contents)}
    )
    assert (sent.status_code, sent.json()) == (200, {})
    assert executed(client, devbox, "stat -c %s ~/in/upload.bin")["stdout"] == f"{size}\n"
    got = client.post(f"/v1/devboxes/{devbox}/download_file", json={"path": "in/upload.bin"})
    assert got.status_code == 200
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.content == contents


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("application/json", b'{"path": "x"}', "multipart/form-data"),
        ("multipart/form-data", b"x", "boundary"),
        ("multipart/form-data; boundary=b", b"nonsense", "form data"),
        ("multipart/form-data; boundary=b", b"--b--\r\n", "path: Field required"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\ncontent-disposition: form-data; name="path"\r\n\r\nx\r\n--b--\r\n',
            "file: Field required",
        ),
    ],
)
def test_form_data_that_is_not_valid_is_refused(
    client: httpx.Client, devbox: str, content_type: str, body: bytes, said: str
) -> None:
    """A 400 that names what is missing."""
    answer = client.post(f"/v1/devboxes/{devbox}/upload_file", content=body, headers={"content-type": content_type})
    assert answer.status_code == 400
    assert said in answer.json()["message"]


def test_an_upload_that_is_too_large_is_refused(
    client: httpx.Client, devbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 413 of the wire, and nothing is written."""
    monkeypatch.setattr(uploads, "MOST_UPLOAD_BYTES", 2**20)
    sent = client.post(
        f"/v1/devboxes/{devbox}/upload_file", data={"path": "large"}, files={"file": ("large", bytes(8 * 2**20))}
    )
    assert (sent.status_code, "1 MiB" in sent.json()["message"]) == (413, True)
    assert executed(client, devbox, "ls ~/large")["exit_status"] != 0


def test_a_text_that_is_too_large_is_for_download(
    client: httpx.Client, devbox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading it as a text is refused by the route that has no bound."""
    monkeypatch.setattr(files, "_MOST_TEXT_BYTES", 1000)
    executed(client, devbox, "head -c 1001 /dev/zero > ~/long")
    read = client.post(f"/v1/devboxes/{devbox}/read_file_contents", json={"file_path": "long"})
    assert (read.status_code, "download_file" in read.json()["message"]) == (400, True)


@pytest.mark.parametrize("route", ["read_file_contents", "download_file"])
def test_files_that_can_not_be_read_are_refused(client: httpx.Client, devbox: str, route: str) -> None:
    """404 where there is none; 400 where it is no file."""
    name = "path" if route == "download_file" else "file_path"
    for path, status in (("missing", 404), ("/tmp", 400), ("", 400)):
        answer = client.post(f"/v1/devboxes/{devbox}/{route}", json={name: path})
        assert (answer.status_code, answer.headers["x-should-retry"]) == (status, "false"), path
    assert client.post("/v1/devboxes/dbx_000000000000000000000/" + route, json={name: "x"}).status_code == 404
