"""Objects over the wire: created, put to a signed address, completed, had from another."""

import io
import socket
import tarfile
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from rest_server import Served


def created(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    """A new object, which waits for its contents."""
    answer = client.post("/v1/objects", json={"name": "notes.txt", "content_type": "text"} | fields)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def uploaded(client: httpx.Client, contents: bytes, **fields: Any) -> dict[str, Any]:
    """An object that is complete."""
    made = created(client, **fields)
    assert httpx.put(made["upload_url"], content=contents).status_code == 200
    answer = client.post(f"/v1/objects/{made['id']}/complete")
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


def test_an_object_is_uploaded_and_downloaded_without_a_key(client: httpx.Client) -> None:
    """Both addresses are whole, and a client that knows nothing of the API can use them."""
    contents = bytes(range(256)) * 5000
    made = created(client, content_type="binary", metadata={"of": "test"})
    assert (made["state"], made["metadata"]) == ("UPLOADING", {"of": "test"})
    assert httpx.put(made["upload_url"], content=contents).status_code == 200
    done = client.post(f"/v1/objects/{made['id']}/complete").json()
    assert (done["state"], done["size_bytes"]) == ("READ_ONLY", len(contents))
    assert "upload_url" not in done
    address = client.get(f"/v1/objects/{made['id']}/download").json()["download_url"]
    got = httpx.get(address)
    assert got.content == contents
    assert got.headers["content-type"] == "application/octet-stream"


def test_a_download_takes_no_disk_and_leaves_nothing(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large contents are not copied for a client, and a server that is killed while it sends them leaves no file."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    contents = b"large" * 4_000_000
    made = uploaded(served.client, contents, content_type="binary")
    address = served.client.get(f"/v1/objects/{made['id']}/download").json()["download_url"]
    with httpx.stream("GET", address) as got:
        # Most of it is still to be sent.
        assert list(tmp_path.iterdir()) == []
        assert b"".join(got.iter_raw()) == contents
    served.portal.call(served.backend.objects.read, made["id"], tmp_path / "had")
    assert (tmp_path / "had").stat().st_nlink == 2


def test_contents_may_come_in_pieces_of_no_known_length(client: httpx.Client) -> None:
    """A client streams what it uploads."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    pieces = [packed.getvalue()[at : at + 10] for at in range(0, len(packed.getvalue()), 10)]
    made = created(client, content_type="tgz")
    assert httpx.put(made["upload_url"], content=iter(pieces)).status_code == 200
    assert client.post(f"/v1/objects/{made['id']}/complete").json()["size_bytes"] == len(packed.getvalue())


@pytest.mark.parametrize("token", ["", "1.x", "9999999999999.0", "\u00e9"])
def test_an_address_that_was_not_signed_is_refused(served: Served, token: str) -> None:
    """Nobody puts or gets contents with a token that they made up, nor with one for something else."""
    made, other = created(served.client), created(served.client)
    path = urlsplit(made["upload_url"]).path
    good = parse_qs(urlsplit(other["upload_url"]).query)["token"][0]
    for given in (token, good):
        for method in ("PUT", "GET"):
            answer = served.client.request(method, path, params={"token": given})
            assert answer.status_code == 401
            assert answer.json()["code"] == "unauthorized"
    reading = served.client.get(f"/v1/objects/{uploaded(served.client, b'x')['id']}/download").json()["download_url"]
    assert httpx.put(reading, content=b"y").status_code == 401


def test_a_large_upload_that_is_refused_is_told_so(served: Served) -> None:
    """What is left of it is read away: a connection that is closed on a sender takes the answer along."""
    address = urlsplit(created(served.client)["upload_url"])
    size = 16 * 2**20
    head = f"PUT {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode())
        connection.sendall(bytes(size))
        assert connection.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_an_object_is_uploaded_over_http_2(served: Served) -> None:
    """With prior knowledge, as one of the official clients does; the addresses are as good there."""
    with httpx.Client(base_url=served.url, http1=False, http2=True) as client:
        made = created(client)
        assert client.put(made["upload_url"], content=b"x" * 1_000_000).http_version == "HTTP/2"
        assert client.post(f"/v1/objects/{made['id']}/complete").json()["size_bytes"] == 1_000_000
        address = client.get(f"/v1/objects/{made['id']}/download").json()["download_url"]
        assert address.startswith(served.url)
        assert len(client.get(address).content) == 1_000_000


def test_an_object_stays_as_it_is_once_complete(client: httpx.Client) -> None:
    """Its address for uploads is worth nothing then, and completing it again changes nothing."""
    made = created(client)
    assert httpx.put(made["upload_url"], content=b"first").status_code == 200
    assert httpx.put(made["upload_url"], content=b"second").status_code == 200
    for _ in range(2):
        assert client.post(f"/v1/objects/{made['id']}/complete").json()["state"] == "READ_ONLY"
    refused = httpx.put(made["upload_url"], content=b"third")
    assert (refused.status_code, refused.headers["x-should-retry"]) == (400, "false")
    address = client.get(f"/v1/objects/{made['id']}/download").json()["download_url"]
    assert httpx.get(address).text == "second"


def test_what_is_not_complete_or_deleted_can_not_be_downloaded(client: httpx.Client) -> None:
    """A 400 that says what to do; a deleted object is still there to be read about."""
    made = created(client)
    early = client.get(f"/v1/objects/{made['id']}/download")
    assert (early.status_code, "complete" in early.json()["message"]) == (400, True)
    done = uploaded(client, b"contents")
    address = client.get(f"/v1/objects/{done['id']}/download").json()["download_url"]
    for _ in range(2):
        assert client.post(f"/v1/objects/{done['id']}/delete").json()["state"] == "DELETED"
    assert client.get(f"/v1/objects/{done['id']}").json()["state"] == "DELETED"
    assert client.get(f"/v1/objects/{done['id']}/download").status_code == 400
    assert httpx.get(address).status_code == 400
    assert client.get("/v1/objects/obj_000000000000000000000").status_code == 404


def test_an_object_that_is_not_valid_is_refused(client: httpx.Client) -> None:
    """By the name of the field; so is a time that no clock can tell."""
    for fields in ({"content_type": "poem"}, {"ttl_ms": 0}, {"ttl_ms": 10**22}, {"name": " "}):
        answer = client.post("/v1/objects", json={"name": "x", "content_type": "text"} | fields)
        assert (answer.status_code, next(iter(fields)) in answer.json()["message"]) == (400, True), answer.text


def test_objects_are_listed_newest_first(client: httpx.Client) -> None:
    """In pages with both counts, by name and state; what waits for its contents says where they go."""
    ids = [uploaded(client, b"x", name="listed")["id"] for _ in range(2)]
    ids.append(created(client, name="listed")["id"])
    page = client.get("/v1/objects", params={"name": "listed", "limit": 2}).json()
    assert [each["id"] for each in page["objects"]] == [ids[2], ids[1]]
    assert (page["has_more"], page["total_count"], page["remaining_count"]) == (True, 3, 1)
    assert "upload_url" in page["objects"][0]
    rest = client.get("/v1/objects", params={"name": "listed", "starting_after": ids[1]}).json()
    assert [each["id"] for each in rest["objects"]] == [ids[0]]
    waiting = client.get("/v1/objects", params={"name": "listed", "state": "UPLOADING"}).json()
    assert [each["id"] for each in waiting["objects"]] == [ids[2]]
    assert client.get("/v1/objects/list_public").json()["objects"] == []


def test_a_retried_create_makes_one_object(client: httpx.Client) -> None:
    """Retries carry the id of the first request."""
    made = [
        client.post(
            "/v1/objects",
            json={"name": "once", "content_type": "text"},
            headers={"x-request-id": "stainless-python-retry-object"},
        ).json()["id"]
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert client.get("/v1/objects", params={"name": "once"}).json()["total_count"] == 1
