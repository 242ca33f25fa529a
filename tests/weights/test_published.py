"""Downloads against a real HTTP server on this machine: what arrives, and what is said if not."""

import functools
import hashlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights import downloads, published
from mrcnn.weights.published import PUBLISHED_FILES, download_trained_weights, fetch_weights
from tests.download_server import (
    CONTENT,
    QUICK,
    Handler,
    fetch,
    mirror,
    names,
    on_the_way,
    status,
    weights_file,
)


@pytest.fixture
def server(monkeypatch):
    with mirror(monkeypatch, "/mirror/") as server:
        yield server


def test_a_good_file_arrives_whole_under_its_name(server, tmp_path):
    path = fetch(tmp_path / "new" / "weights")
    assert path == tmp_path / "new" / "weights" / "good.h5"
    assert path.read_bytes() == CONTENT
    assert server.requests == ["/mirror/good.h5"]
    assert names(path.parent) == ["good.h5"]


def test_a_file_that_is_there_is_checked_and_not_fetched_again(server, tmp_path):
    (tmp_path / "good.h5").write_bytes(CONTENT)
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == []


def test_another_file_in_its_place_is_reported_and_kept(server, tmp_path):
    (tmp_path / "good.h5").write_bytes(b"my own weights")
    with pytest.raises(WeightsError) as error:
        fetch(tmp_path)
    assert (tmp_path / "good.h5").read_bytes() == b"my own weights"
    assert server.requests == []
    for words in (str(tmp_path / "good.h5"), "14 bytes", hashlib.md5(CONTENT).hexdigest()):
        assert words in str(error.value)
    assert "delete it and start again" in str(error.value)


def test_a_folder_in_its_place_is_reported(server, tmp_path):
    (tmp_path / "good.h5").mkdir()
    with pytest.raises(WeightsError, match="not a file"):
        fetch(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"x" + CONTENT[1:], f"with the checksum {hashlib.md5(b'x' + CONTENT[1:]).hexdigest()}"),
        (CONTENT + b"x", f"the server offers {len(CONTENT) + 1} bytes, expected {len(CONTENT)}"),
        (CONTENT[:-1], f"the server offers {len(CONTENT) - 1} bytes, expected {len(CONTENT)}"),
    ],
    ids=["changed", "longer", "shorter"],
)
def test_another_content_leaves_nothing_and_says_why(server, tmp_path, content, reason):
    server.content = content
    with pytest.raises(WeightsError, match=re.escape(reason)):
        fetch(tmp_path)
    assert names(tmp_path) == []
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(404), "the server answered 404"),
        (status(403), "the server answered 403"),
        (status(204), "the server answered 204"),
        (status(206, {"Content-Range": f"bytes 0-5/{len(CONTENT)}"}), "the server answered 206"),
        (status(416), "the server answered 416"),
        (status(200), f"the server offers 0 bytes, expected {len(CONTENT)}"),
        (
            status(302, {"Location": "http://weights.invalid/good.h5"}),
            "redirects to http://weights.invalid/good.h5, which is not https",
        ),
        (status(302, {"Location": "ftp://127.0.0.1/good.h5"}), "which is not https"),
        (status(302, {"Location": "file:///etc/passwd"}), "which is not https"),
    ],
    ids=["404", "403", "204", "206", "416", "empty", "http", "ftp", "file"],
)
def test_an_answer_without_the_file_is_final_and_leaves_nothing(server, tmp_path, answer, reason):
    server.answers = [answer]
    with pytest.raises(WeightsError, match=re.escape(reason)):
        fetch(tmp_path)
    assert names(tmp_path) == []
    assert len(server.requests) == 1


def test_no_more_than_the_expected_size_is_written(server, tmp_path, monkeypatch):
    server.content = CONTENT + CONTENT
    server.answers = [functools.partial(Handler.serve, length=False)]
    sizes = []
    write = downloads._Received.write

    def watched(*arguments):
        try:
            write(*arguments)
        finally:
            sizes.append(sum(path.stat().st_size for path in on_the_way(tmp_path)))

    monkeypatch.setattr(downloads._Received, "write", watched)
    with pytest.raises(WeightsError, match=f"more than the expected {len(CONTENT)} bytes"):
        fetch(tmp_path)
    assert 0 < max(sizes) <= len(CONTENT)
    assert names(tmp_path) == []


def test_an_answer_of_unknown_length_is_taken(server, tmp_path):
    server.answers = [functools.partial(Handler.serve, length=False)]
    assert fetch(tmp_path).read_bytes() == CONTENT


def test_a_redirect_on_an_accepted_address_is_followed(server, tmp_path):
    server.answers = [status(302, {"Location": "/elsewhere.h5"})]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == ["/mirror/good.h5", "/elsewhere.h5"]


def test_the_content_of_a_redirect_is_not_read(server, tmp_path):
    def endless(handler):
        handler.send_response(302)
        handler.send_header("Location", "/elsewhere.h5")
        handler.end_headers()
        while True:  # until the client leaves
            handler.send(bytes(1 << 16))

    server.answers = [endless]
    assert fetch(tmp_path).read_bytes() == CONTENT


def test_redirects_in_a_circle_end(server, tmp_path):
    server.answers = [status(302, {"Location": "/again.h5"})] * 50
    with pytest.raises(WeightsError, match="30 redirects"):
        fetch(tmp_path)
    assert len(server.requests) == 31


def test_without_a_network_one_error_names_every_way_on(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSES", QUICK)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv(published.MIRROR_VARIABLE, f"http://localhost:{port}")
    with pytest.raises(WeightsError) as error:
        fetch_weights("coco", tmp_path / "weights", progress=False)
    message = str(error.value)
    assert "refused" in message
    assert f"http://localhost:{port}/mask_rcnn_coco.h5" in message
    assert str(tmp_path / "weights" / "mask_rcnn_coco.h5") in message
    for words in ("--weights imagenet", "--weights none", "--weights PATH", "MRCNN_WEIGHTS_URL"):
        assert words in message
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_host_that_does_not_exist_is_an_error_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSES", QUICK)
    monkeypatch.setenv(published.MIRROR_VARIABLE, "https://weights.invalid/")
    with pytest.raises(WeightsError, match=r"could not be downloaded: \S") as error:
        fetch_weights("imagenet", tmp_path, progress=False)
    assert "--weights coco" in str(error.value)
    assert "--weights imagenet" not in str(error.value)


@pytest.mark.parametrize(
    "mirror",
    [
        "http://weights.invalid/",
        "http://127.0.0.1.weights.invalid/",
        "http://localhost@weights.invalid/",
        "ftp://localhost/",
        "file:///etc/",
        "/a/folder",
        "https://",
        "http://[broken/",
    ],
)
def test_only_https_and_this_machine_are_asked(tmp_path, monkeypatch, mirror):
    monkeypatch.setenv(published.MIRROR_VARIABLE, mirror)
    with pytest.raises(WeightsError, match=r"not fetched from .*MRCNN_WEIGHTS_URL"):
        fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "mirror", ["https://mirror.invalid/a", "http://localhost:8000", "http://[::1]:8000/"]
)
def test_a_mirror_holds_the_files_under_their_own_names(monkeypatch, mirror):
    monkeypatch.setenv(published.MIRROR_VARIABLE, mirror)
    assert published.source_url(weights_file()) == mirror.rstrip("/") + "/good.h5"


def test_published_files_come_over_https_from_their_publishers(monkeypatch):
    monkeypatch.delenv(published.MIRROR_VARIABLE, raising=False)
    assert set(PUBLISHED_FILES) == {"coco", "imagenet"}
    for file in PUBLISHED_FILES.values():
        assert published.source_url(file) == file.url
        assert file.url.startswith("https://github.com/")
        assert file.file_name.endswith(".h5")
        assert re.fullmatch(r"[0-9a-f]{32}", file.md5)


def test_the_weights_folder_describes_the_same_files():
    text = (Path(__file__).parents[2] / "weights" / "README.md").read_text(encoding="utf-8")
    for file in PUBLISHED_FILES.values():
        assert f"| `{file.name}` | [{file.file_name}]({file.url}) | {file.size} |" in text
        assert f"`{file.md5}`" in text


def test_what_downloads_is_imported_when_something_is_downloaded():
    program = (
        "import sys, mrcnn.weights.published\n"
        "assert not {'pooch', 'requests', 'keras'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=True)


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(WeightsError, match=r"'cocoa'.*coco or imagenet"):
        fetch_weights("cocoa", tmp_path)


def test_progress_goes_to_standard_error_only_when_asked(server, tmp_path, capfd):
    fetch(tmp_path / "silent", progress=False)
    assert capfd.readouterr() == ("", "")
    fetch(tmp_path / "shown", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert re.search(r"Downloading coco weights: 100 % of 2.3 MB", err)


def test_matterports_function_writes_to_the_path_it_is_given(server, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(published, "COCO", weights_file())
    target = tmp_path / "somewhere" / "my_coco.h5"
    assert download_trained_weights(str(target), verbose=0) is None
    assert target.read_bytes() == CONTENT
    assert capfd.readouterr().err == ""
    download_trained_weights(target)
    assert server.requests == ["/mirror/good.h5"]


@pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX systems")
def test_the_file_is_as_readable_as_any_other(server, tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert fetch(tmp_path).stat().st_mode == ordinary.stat().st_mode
