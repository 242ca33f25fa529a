"""A console that has few characters, as that of Windows and what is redirected there."""

import contextlib
import io
import json
import os
import subprocess
import sys

from PIL import Image

from tests.app.large_slides import rows_of, slide
from tests.drawn_cells import write_subset

NAMES = ("a.png", "血液.png", "мазок.png")


def test_detect_escapes_names_on_the_console_and_no_table_does(detect, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        Image.fromarray(slide(150, seed=number)).save(folder / name)
    (folder / "坏.png").write_text("no picture")
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", write_through=True)
    with contextlib.redirect_stdout(console), contextlib.redirect_stderr(console):
        status, out = detect(folder, "--via", "--geojson")
    assert status == 2
    told = console.buffer.getvalue().decode("cp1252")
    assert r"\u8840\u6db2.png" in told
    assert r"\u043c\u0430\u0437\u043e\u043a.png" in told
    assert r"\u574f.png" in told
    images = {row["image"].rpartition("/")[2] for row in rows_of(out / "summary.csv")}
    assert images == {*NAMES, "坏.png", "all images"}
    assert (out / "血液_overlay.jpg").is_file()
    entries = json.loads((out / "via_predictions.json").read_text("utf-8"))["_via_img_metadata"]
    assert {entry["filename"] for entry in entries.values()} == set(NAMES)


def test_a_command_as_windows_starts_it(tmp_path):
    write_subset(tmp_path / "набор" / "train", ("血.png",))
    write_subset(tmp_path / "набор" / "val", ("c.png",))
    (tmp_path / "набор" / "val" / "c.png").rename(tmp_path / "набор" / "val" / "д.png")
    done = subprocess.run(
        [sys.executable, "-m", "mrcnn", "check", str(tmp_path / "набор")],
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        capture_output=True,
    )
    printed = done.stdout.decode("cp1252")
    assert done.returncode == 2, done.stderr.decode("cp1252")
    assert r"\u0434.png" in printed
    assert "1 errors" in printed
