"""Servers that are busy, slow, simple, or have something else by now."""

import time

import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights import published as downloads
from tests.download_server import (
    CONTENT,
    HALF,
    WHOLE,
    Request,
    Server,
    cut_at,
    fetch,
    leave_half,
    mirror,
    part_of,
    rest_of,
    running,
    set_patience,
    status,
)


@pytest.fixture
def server(monkeypatch):
    with mirror(monkeypatch) as server:
        yield server


# --- Busy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504, 522])
def test_a_busy_server_is_asked_again(server, tmp_path, code):
    server.answers = [status(code)]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_server_says_when_to_come_back(server, tmp_path):
    server.answers = [status(503, {"Retry-After": "1"})]
    began = time.monotonic()
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("value", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"], ids=["s", "date"])
def test_a_server_that_wants_hours_is_not_waited_for(server, tmp_path, value):
    server.answers = [status(429, {"Retry-After": value})]
    with pytest.raises(WeightsError, match=r"answered 429 .* come back in \d{4,} seconds"):
        fetch(tmp_path)
    assert len(server.requests) == 1


@pytest.mark.parametrize("value", ["", "soon", "-5", "9" * 5000, "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_a_time_without_sense_is_no_time(server, tmp_path, value):
    server.answers = [status(503, {"Retry-After": value})]
    assert fetch(tmp_path).read_bytes() == CONTENT


def test_a_length_without_sense_is_no_length(server, tmp_path):
    server.answers = [status(200, {"Content-Length": "9" * 5000})]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 2


# --- Slower than is borne ----------------------------------------------------------------------


def drip(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", str(WHOLE))
    handler.end_headers()
    for start in range(WHOLE):
        handler.send(CONTENT[start : start + 1])
        if handler.server.go.wait(0.02):
            return


def drip_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not handler.server.go.wait(0.02):
        handler.wfile.write(b"x")


def drip_chunk_sizes(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not handler.server.go.wait(0.02):
        handler.wfile.write(b"0")


@pytest.mark.parametrize("drop", [drip, drip_headers, drip_chunk_sizes])
def test_a_trickle_does_not_hold_for_ever(server, tmp_path, monkeypatch, drop):
    set_patience(monkeypatch, slow_seconds=0.25, slow_rate=5000, failures=2)
    server.answers = [drop] * 9
    began = time.monotonic()
    with pytest.raises(WeightsError, match=r"less than 5 kB a second .*\(tried 2 times\)"):
        fetch(tmp_path)
    assert 0.5 <= time.monotonic() - began < 20
    assert len(server.requests) == 2


def test_chunks_are_put_together(server, tmp_path):
    def chunked(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, WHOLE, 100_000):
            piece = CONTENT[start : start + 100_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    server.answers = [chunked]
    assert fetch(tmp_path).read_bytes() == CONTENT


# --- What the server has by now, and how it answers --------------------------------------------


def test_a_server_that_knows_no_ranges_sends_all_of_it(server, tmp_path, monkeypatch):
    leave_half(server, tmp_path, monkeypatch)
    server.ranges = False
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [rest_of(HALF)]
    assert server.sent == WHOLE


def test_a_content_of_another_name_is_sent_whole(server, tmp_path, monkeypatch):
    leave_half(server, tmp_path, monkeypatch)
    server.etag = '"two"'
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [rest_of(HALF)]
    assert server.sent == WHOLE


def test_a_part_of_a_content_of_another_name_is_not_taken(server, tmp_path, monkeypatch):
    """A server that does not know If-Range sends the rest of another content."""
    leave_half(server, tmp_path, monkeypatch)
    server.answers = [
        status(206, {"Content-Range": f"bytes {HALF}-{WHOLE - 1}/{WHOLE}", "ETag": '"two"'})
    ]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [rest_of(HALF), Request("/good.h5")]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": f"bytes 0-{WHOLE - 1}/{WHOLE}"},
        {"Content-Range": f"bytes {HALF - 1}-{WHOLE - 1}/*"},
        {"Content-Range": "bytes nothing"},
        {},
    ],
    ids=["start", "offset", "nonsense", "none"],
)
def test_a_part_that_does_not_fit_is_not_taken(server, tmp_path, monkeypatch, headers):
    leave_half(server, tmp_path, monkeypatch)
    server.answers = [status(206, headers)]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [rest_of(HALF), Request("/good.h5")]


@pytest.mark.parametrize("headers", [{}, {"Content-Range": f"bytes */{WHOLE}"}])
def test_a_refused_part_is_asked_for_whole(server, tmp_path, monkeypatch, headers):
    leave_half(server, tmp_path, monkeypatch)
    server.answers = [status(416, headers)]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [rest_of(HALF), Request("/good.h5")]


@pytest.mark.parametrize("size", [HALF - 5, HALF + 5, WHOLE + 5])
def test_a_file_of_another_size_costs_nothing_of_what_is_kept(server, tmp_path, monkeypatch, size):
    """The next mirror may have the right file: 416, 206 and 200 answers."""
    leave_half(server, tmp_path, monkeypatch)
    for server.ranges in (True, False):
        server.content = (CONTENT + CONTENT)[:size]
        with pytest.raises(WeightsError, match=f"the server offers {size} bytes, expected {WHOLE}"):
            fetch(tmp_path)
        assert part_of(tmp_path).read_bytes() == CONTENT[:HALF]
    server.content, server.ranges = CONTENT, True
    assert fetch(tmp_path).read_bytes() == CONTENT


def test_without_a_name_of_the_content_the_checksum_decides(server, tmp_path, monkeypatch):
    server.etag = None
    leave_half(server, tmp_path, monkeypatch)
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [rest_of(HALF, None)]


def test_a_weak_name_is_none(server, tmp_path, monkeypatch):
    server.etag = 'W/"one"'
    leave_half(server, tmp_path, monkeypatch)
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [rest_of(HALF, None)]


def test_the_time_of_the_last_change_is_a_name(server, tmp_path, monkeypatch):
    changed = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.etag = None

    def dated(handler):
        handler.send_response(200)
        handler.send_header("Last-Modified", changed)
        handler.send_header("Content-Length", str(WHOLE))
        handler.end_headers()
        handler.send(CONTENT[:HALF])

    set_patience(monkeypatch, failures=1)
    server.answers = [dated]
    with pytest.raises(WeightsError):
        fetch(tmp_path)
    server.requests.clear()
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [rest_of(HALF, changed)]


def test_another_mirror_goes_on_where_the_first_one_stopped(server, tmp_path, monkeypatch):
    """What one server calls the content means nothing to another one."""
    leave_half(server, tmp_path, monkeypatch)
    with running(Server()) as other:
        other.etag = '"other"'
        monkeypatch.setenv(downloads.MIRROR_VARIABLE, other.address)
        other.answers = [cut_at(1000)]
        assert fetch(tmp_path).read_bytes() == CONTENT
        assert other.requests == [rest_of(HALF, None), rest_of(HALF + 1000, '"other"')]
    assert server.requests == []
