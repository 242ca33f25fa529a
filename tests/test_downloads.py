"""Downloads against a real HTTP server on this machine: what arrives, and what is said if not."""

import hashlib
import http.server
import os
import re
import threading
from pathlib import Path

import pytest

from mrcnn import downloads
from mrcnn.downloads import PUBLISHED_FILES, WeightsFile, download_trained_weights, fetch_weights
from mrcnn.errors import WeightsError

CONTENT = bytes(range(256)) * 9000  # more than two chunks


def weights_file(content=CONTENT, name="coco", file_name="good.h5"):
    return WeightsFile(
        name=name,
        url=f"https://weights.invalid/releases/{file_name}",
        md5=hashlib.md5(content).hexdigest(),
        size=len(content),
        description="small file for tests",
    )


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requested.append(self.path)
        name = self.path.rpartition("/")[2]
        length = len(CONTENT)
        body = CONTENT
        if name == "moved.h5":
            self.send_response(302)
            self.send_header("Location", "/good.h5")
            self.end_headers()
            return
        if name == "downgraded.h5":
            self.send_response(302)
            self.send_header("Location", "http://weights.invalid/good.h5")
            self.end_headers()
            return
        if name == "changed.h5":
            body = b"x" + CONTENT[1:]
        elif name == "truncated.h5":
            body = CONTENT[: length // 2]
        elif name == "longer.h5":
            length += 1
        elif name == "endless.h5":
            length = None
            body = CONTENT + CONTENT
        elif name != "good.h5":
            self.send_error(404)
            return
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.server.cut_off.append(self.path)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.requested = []
        running.cut_off = []
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        # Proxies of the environment must not stand between this machine and itself.
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        address = f"http://127.0.0.1:{running.server_port}/mirror/"
        monkeypatch.setenv(downloads.MIRROR_VARIABLE, address)
        yield running
        running.shutdown()
        thread.join()


def fetch(folder, file_name="good.h5", progress=False):
    file = weights_file(file_name=file_name)
    return fetch_weights("coco", folder, progress=progress, files={"coco": file})


def test_a_good_file_arrives_whole_under_its_name(server, tmp_path):
    path = fetch(tmp_path / "new" / "weights")
    assert path == tmp_path / "new" / "weights" / "good.h5"
    assert path.read_bytes() == CONTENT
    assert server.requested == ["/mirror/good.h5"]
    assert [p.name for p in path.parent.iterdir()] == ["good.h5"]


def test_a_file_that_is_there_is_checked_and_not_fetched_again(server, tmp_path):
    (tmp_path / "good.h5").write_bytes(CONTENT)
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requested == []


def test_another_file_in_its_place_is_reported_and_kept(server, tmp_path):
    (tmp_path / "good.h5").write_bytes(b"my own weights")
    with pytest.raises(WeightsError) as error:
        fetch(tmp_path)
    assert (tmp_path / "good.h5").read_bytes() == b"my own weights"
    assert server.requested == []
    for words in (str(tmp_path / "good.h5"), "14 bytes", hashlib.md5(CONTENT).hexdigest()):
        assert words in str(error.value)
    assert "delete it and start again" in str(error.value)


def test_a_folder_in_its_place_is_reported(server, tmp_path):
    (tmp_path / "good.h5").mkdir()
    with pytest.raises(WeightsError, match="not a file"):
        fetch(tmp_path)


@pytest.mark.parametrize(
    ("file_name", "reason"),
    [
        ("changed.h5", f"the checksum is {hashlib.md5(b'x' + CONTENT[1:]).hexdigest()}"),
        ("truncated.h5", f"ended after {len(CONTENT) // 2} of {len(CONTENT)} bytes"),
        ("longer.h5", f"the server offers {len(CONTENT) + 1} bytes, expected {len(CONTENT)}"),
        ("endless.h5", f"more than the expected {len(CONTENT)} bytes"),
        ("absent.h5", "the server answered 404"),
        ("downgraded.h5", "redirects to http://weights.invalid/good.h5, which is not https"),
    ],
)
def test_a_bad_transfer_leaves_nothing_and_says_why(server, tmp_path, file_name, reason):
    with pytest.raises(WeightsError, match=re.escape(reason)):
        fetch(tmp_path, file_name)
    assert list(tmp_path.iterdir()) == []


def test_no_more_than_the_expected_size_is_written(server, tmp_path, monkeypatch):
    sizes = []
    real_read = downloads._chunks

    def watched(url, size):
        for chunk in real_read(url, size):
            yield chunk
            sizes.append(sum(p.stat().st_size for p in tmp_path.iterdir()))

    monkeypatch.setattr(downloads, "_chunks", watched)
    with pytest.raises(WeightsError, match="more than the expected"):
        fetch(tmp_path, "endless.h5")
    assert sizes and max(sizes) <= len(CONTENT)


def test_a_redirect_on_an_accepted_address_is_followed(server, tmp_path):
    assert fetch(tmp_path, "moved.h5").read_bytes() == CONTENT
    assert server.requested == ["/mirror/moved.h5", "/good.h5"]


def test_without_a_network_one_error_names_every_way_on(tmp_path, monkeypatch):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    monkeypatch.setenv(downloads.MIRROR_VARIABLE, f"http://localhost:{port}")
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
    monkeypatch.setenv(downloads.MIRROR_VARIABLE, "https://weights.invalid/")
    with pytest.raises(WeightsError, match=r"could not be downloaded") as error:
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
    monkeypatch.setenv(downloads.MIRROR_VARIABLE, mirror)
    with pytest.raises(WeightsError, match=r"not fetched from .*MRCNN_WEIGHTS_URL"):
        fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "mirror", ["https://mirror.invalid/a", "http://localhost:8000", "http://[::1]:8000/"]
)
def test_a_mirror_holds_the_files_under_their_own_names(monkeypatch, mirror):
    monkeypatch.setenv(downloads.MIRROR_VARIABLE, mirror)
    assert downloads.source_url(weights_file()) == mirror.rstrip("/") + "/good.h5"


def test_published_files_come_over_https_from_their_publishers(monkeypatch):
    monkeypatch.delenv(downloads.MIRROR_VARIABLE, raising=False)
    assert set(PUBLISHED_FILES) == {"coco", "imagenet"}
    for file in PUBLISHED_FILES.values():
        assert downloads.source_url(file) == file.url
        assert file.url.startswith("https://github.com/")
        assert file.file_name.endswith(".h5")
        assert re.fullmatch(r"[0-9a-f]{32}", file.md5)


def test_the_weights_folder_describes_the_same_files():
    text = (Path(__file__).parents[1] / "weights" / "README.md").read_text(encoding="utf-8")
    for file in PUBLISHED_FILES.values():
        assert f"| `{file.name}` | [{file.file_name}]({file.url}) | {file.size} |" in text
        assert f"`{file.md5}`" in text


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(WeightsError, match=r"'cocoa'.*coco or imagenet"):
        fetch_weights("cocoa", tmp_path)


def test_a_folder_that_cannot_be_made_is_reported(server, tmp_path):
    (tmp_path / "weights").write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match=r"cannot be read or written"):
        fetch(tmp_path / "weights")


def test_progress_goes_to_standard_error_only_when_asked(server, tmp_path, capfd):
    fetch(tmp_path / "silent", progress=False)
    assert capfd.readouterr() == ("", "")
    fetch(tmp_path / "shown", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert re.search(r"Downloading coco weights: 100 % of 2 MB", err)


def test_matterports_function_writes_to_the_path_it_is_given(server, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(downloads, "COCO", weights_file())
    target = tmp_path / "somewhere" / "my_coco.h5"
    assert download_trained_weights(str(target), verbose=0) is None
    assert target.read_bytes() == CONTENT
    assert capfd.readouterr().err == ""
    download_trained_weights(target)
    assert server.requested == ["/mirror/good.h5"]


@pytest.mark.skipif(os.name != "posix", reason="file modes of POSIX systems")
def test_the_file_is_as_readable_as_any_other(server, tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert fetch(tmp_path).stat().st_mode == ordinary.stat().st_mode
