"""Servers that are busy, fall silent or cut what they send: the file begins again, or one error."""

import time

import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights import downloads
from tests.download_server import (
    CONTENT,
    HALF,
    WHOLE,
    cut_at,
    fetch,
    mirror,
    names,
    reset_at,
    status,
    stop_at,
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


def test_a_server_that_stays_busy_is_told(server, tmp_path):
    server.answers = [status(503)] * 9
    with pytest.raises(WeightsError, match=r"the server answered 503 .*\(tried 4 times\)"):
        fetch(tmp_path)
    assert len(server.requests) == 4
    assert names(tmp_path) == []


@pytest.mark.parametrize("length", ["9" * 5000, "long", "-1"])
def test_a_length_without_sense_is_another_length(server, tmp_path, length):
    server.answers = [status(200, {"Content-Length": length})]
    with pytest.raises(WeightsError, match=r"downloaded: (the server offers|Content-Length)"):
        fetch(tmp_path)
    assert names(tmp_path) == []


def test_a_redirect_to_nowhere_is_told(server, tmp_path):
    server.answers = [status(302, {"Location": "http://[broken/"})]
    with pytest.raises(WeightsError, match="could not be downloaded: Invalid"):
        fetch(tmp_path)
    assert names(tmp_path) == []


def test_chunks_are_put_together(server, tmp_path):
    def chunked(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, WHOLE, 100_000):
            piece = CONTENT[start : start + 100_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    server.answers = [chunked]
    assert fetch(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("cut", [cut_at, reset_at], ids=["ended", "reset"])
def test_a_cut_download_begins_again(server, tmp_path, cut, capfd):
    server.answers = [cut(HALF), cut(1000)]
    assert fetch(tmp_path, progress=True).read_bytes() == CONTENT
    assert server.requests == ["/good.h5"] * 3
    assert server.sent == HALF + 1000 + WHOLE
    assert names(tmp_path) == ["good.h5"]
    err = capfd.readouterr().err
    assert "Trying again in 0.01 s (1 of 3)" in err
    assert ("IncompleteRead" if cut is cut_at else "Connection reset") in err


def test_a_server_that_falls_silent_is_asked_again(server, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(downloads, "SILENCE_SECONDS", 0.5)
    server.answers = [stop_at(HALF)]
    assert fetch(tmp_path, progress=True).read_bytes() == CONTENT
    assert server.requests == ["/good.h5"] * 2
    assert "timed out" in capfd.readouterr().err


def test_a_server_that_never_answers_is_left(server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "SILENCE_SECONDS", 0.2)
    server.answers = [lambda handler: handler.server.go.wait(60)] * 9
    began = time.monotonic()
    with pytest.raises(WeightsError, match=r"timed out.* \(tried 4 times\)"):
        fetch(tmp_path)
    assert time.monotonic() - began < 20
    assert names(tmp_path) == []


def test_trying_again_has_an_end_and_leaves_nothing(server, tmp_path):
    server.answers = [cut_at(10)] * 9
    with pytest.raises(WeightsError, match=r"IncompleteRead\(10 bytes.* \(tried 4 times\)"):
        fetch(tmp_path)
    assert len(server.requests) == 4
    assert names(tmp_path) == []
