"""`--weights coco`, from a server on this machine and a file of the published one's layout."""

import functools
import hashlib
import http.server
import threading

import pytest

import rbc
from mrcnn.app.settings import LIGHT
from mrcnn.model import MaskRCNN
from mrcnn.weights import published as downloads


@pytest.fixture
def served_coco(tmp_path, monkeypatch):
    """A file of a network with 81 classes, in the layout of the published one."""
    folder = tmp_path / "served"
    config = rbc.APPLICATION.make_config(
        {**LIGHT, "BACKBONE": "resnet50", "CLASS_NAMES": [str(n) for n in range(80)], "SEED": 1}
    )
    path = folder / "mask_rcnn_coco.h5"
    MaskRCNN("inference", config, tmp_path).save_weights(path)
    file = downloads.WeightsFile(
        name="coco",
        url=f"https://weights.invalid/{path.name}",
        md5=hashlib.md5(path.read_bytes()).hexdigest(),
        size=path.stat().st_size,
        description="small file for tests",
    )
    monkeypatch.setitem(downloads.PUBLISHED_FILES, "coco", file)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder)
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("MRCNN_WEIGHTS_URL", f"http://127.0.0.1:{server.server_port}")
    weights = tmp_path / "weights"
    monkeypatch.setenv("MRCNN_WEIGHTS_DIR", str(weights))
    yield weights / path.name
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.usefixtures("eager")
def test_coco_weights_are_fetched_and_what_fits_is_loaded(
    served_coco, dataset_dir, tmp_path, capsys
):
    status = rbc.main(
        [
            "train", "--dataset", str(dataset_dir), "--weights", "coco", "--light",
            "--image-size", "128", "--batch-size", "1", "--steps", "1", "--epochs", "1",
            "--layers", "heads", "--logs", str(tmp_path / "logs"),
        ]
    )  # fmt: skip
    shown = capsys.readouterr()
    assert status == 0, shown.err
    assert served_coco.is_file()
    assert "100" in shown.err  # the progress reached its end
    assert "Weights from" in shown.out and "layers loaded" in shown.out
    skipped = next(line for line in shown.out.splitlines() if "other shape" in line)
    for head in ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"):
        assert f"{head} (file " in skipped
    assert "3 skipped" in skipped
    assert list((tmp_path / "logs").glob("rbc2*/mask_rcnn_rbc_0001.h5"))
