"""Who is let through, and what a browser is told."""

import io
import struct
import zlib

import pytest
from PIL import Image
from starlette.testclient import TestClient

from mrcnn.serve.safety import is_own_name
from mrcnn.serve.server import make_server
from tests.serve.conftest import ADDRESS
from tests.serve.made_up import png

OWN = "http://127.0.0.1:8765"


def test_another_page_cannot_ask(client):
    for origin in (
        "https://evil.example",
        "null",
        "http://127.0.0.1:9999",
        "http://localhost:8765",
    ):
        answered = client.post(
            "/api/detect", files={"image": ("a.png", png())}, headers={"Origin": origin}
        )
        assert answered.status_code == 403, origin
    own = client.post("/api/detect", files={"image": ("a.png", png())}, headers={"Origin": OWN})
    assert own.status_code == 200


def test_another_page_cannot_show_what_is_here(client):
    def asked(path, site, mode):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
        return client.get(path, headers=headers).status_code

    assert asked("/api/state", "cross-site", "no-cors") == 403
    assert asked("/api/state", "same-site", "cors") == 403
    assert asked("/api/state", "cross-site", "navigate") == 403
    assert asked("/api/state", "same-origin", "cors") == 200
    # A link to the page is followed.
    assert asked("/", "cross-site", "navigate") == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "10.0.0.7:8765", "", "a@[::1]"],
)
def test_a_name_that_was_rebound_is_refused(client, host):
    assert client.get("/api/state", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "[::1]:8765", "127.0.0.1"])
def test_names_of_this_machine(client, host):
    assert client.get("/api/state", headers={"Host": host}).status_code == 200


def test_addresses_of_this_machine_beyond_loopback():
    assert is_own_name("192.168.0.7:8765", beyond_loopback=True)
    assert not is_own_name("evil.example", beyond_loopback=True)


def test_a_token(state):
    server = make_server(state, token="right")
    with TestClient(server, base_url="http://192.168.0.7:8765") as client:
        assert client.get("/api/state").status_code == 401
        for wrong in ("Bearer wrong", "Bearer ", "right", "Basic right"):
            headers = {"Authorization": wrong}
            assert client.get("/api/state", headers=headers).status_code == 401
        assert client.get("/?token=wrong").status_code == 401
        assert client.get("/api/state?token=right").status_code == 401
        headers = {"Authorization": "Bearer right"}
        assert client.get("/api/state", headers=headers).status_code == 200
        # A browser keeps it in a cookie, and the address has it no more.
        opened = client.get("/?token=right", follow_redirects=False)
        assert opened.status_code == 303 and opened.headers["location"] == "/"
        assert "HttpOnly" in opened.headers["set-cookie"]
        assert "SameSite=Strict" in opened.headers["set-cookie"]
        assert client.get("/api/state").status_code == 200


def test_nothing_is_loaded_from_elsewhere(client):
    for path in ("/", "/api/state", "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
    assert client.get("/", headers={"Host": "evil.example"}).headers["content-security-policy"]


def test_no_more_bytes_than_allowed(client):
    told = client.post("/api/state", content=b"x", headers={"Content-Length": str(2**33)})
    assert told.status_code == 413

    def endless():
        for _ in range(20):
            yield bytes(2**20)

    # Its length is not told beforehand.
    assert client.post("/api/nothing", content=endless()).status_code in (404, 405, 413)


def bomb(width: int, height: int) -> bytes:
    """A PNG file of a few bytes that says it has that many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff_bomb(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (16, 16)).save(file, "TIFF", compression="tiff_deflate")
    content = bytearray(file.getvalue())
    for tag in (256, 257, 278):
        place = content.find(struct.pack("<HHI", tag, 4, 1))
        if place < 0:
            place = content.find(struct.pack("<HHI", tag, 3, 1))
            content[place + 2 : place + 4] = struct.pack("<H", 4)
        content[place + 8 : place + 12] = struct.pack("<I", side)
    return bytes(content)


@pytest.mark.parametrize(
    "content", [bomb(12_000, 12_000), bomb(60_000, 60_000), tiff_bomb(40_000)], ids=len
)
def test_a_file_that_would_fill_the_memory_is_refused(client, content):
    answered = client.post("/api/detect", files={"image": ("bomb.png", content)})
    assert answered.status_code == 422
    assert "pixels" in answered.json()["detail"]
    assert client.get(ADDRESS + "/api/state").status_code == 200
