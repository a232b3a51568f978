import io
import sqlite3
import tarfile

import pytest

from fieldbox.database import SCHEMA
from fieldbox.session import Session


@pytest.fixture
def root(tmp_path):
    connection = sqlite3.connect(tmp_path / "fieldbox.db")
    connection.executescript(SCHEMA)
    connection.execute("INSERT INTO crew VALUES ('crew-7', 'lichen')")
    connection.commit()
    connection.close()
    return tmp_path


def talk(root, *requests):
    replies = io.BytesIO()
    Session(str(root), io.BytesIO(b"\n".join([b"HELLO crew-7 lichen", *requests, b""])), replies).run()
    return replies.getvalue().split(b"\n")[1:-1]


def test_without_hello_there_is_nothing(root):
    replies = io.BytesIO()
    Session(str(root), io.BytesIO(b"LIST\n"), replies).run()
    assert replies.getvalue() == b"ERR say HELLO first\n"


def test_what_is_put_can_be_got(root):
    assert talk(root, b"PUT day%201/notes.txt 6\nfirst", b"GET day%201/notes.txt", b"LIST") == [
        b"OK",
        b"OK 6",
        b"first",
        b"OK 1",
        b"day%201/notes.txt 6",
    ]


def test_archives_are_unpacked(root):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo("photos/1.txt")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"rock\n"))
    (root / "store" / "crew-7").mkdir(parents=True)
    (root / "store" / "crew-7" / "a.tar.gz").write_bytes(content.getvalue())
    assert talk(root, b"UNPACK a.tar.gz days", b"FIND rock") == [b"OK 1", b"OK 1", b"days/photos/1.txt 1 rock"]


def test_digest_and_log(root):
    digest = b"OK e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert talk(root, b"PUT b 0", b"PUT a 0", b"DIGEST a", b"LOG path") == [
        *[b"OK", b"OK", digest],
        *[b"OK 2", b"2 put a 0", b"1 put b 0"],
    ]
