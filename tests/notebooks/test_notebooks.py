"""The notebooks run whole, as a reader would run them, and what is stored is what they give."""

import base64
import io
import json
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from notebooks.refresh import DIGEST, NOTEBOOKS, ROOT, clean, copy_clone, digest_of, execute

FOLDER = ROOT / "notebooks"
MOST_BYTES = 2_000_000
# Fewer pictures than this are a notebook that stopped drawing.
LEAST_PICTURES = {
    "inspect_data": 8,
    "inspect_model": 10,
    "rbc_walkthrough": 5,
    "your_own_dataset": 2,
}
MACHINE = re.compile(
    r"(?<![\w.])(/(home|root|tmp|work|usr|opt|var|Users|content|private)/|[A-Za-z]:\\)|ipykernel_\d"
)


def stored(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def cell_of(notebook, cell_id: str):
    (found,) = (cell for cell in notebook.cells if cell.id == cell_id)
    return found


def printed(notebook, cell_id: str) -> str:
    """What a cell printed."""
    outputs = cell_of(notebook, cell_id).outputs
    return "".join(output.text for output in outputs if output.output_type == "stream")


def table(notebook, cell_id: str) -> list[list[str]]:
    """The rows of the table that a cell shows."""
    (html,) = (
        output.data["text/html"]
        for output in cell_of(notebook, cell_id).outputs
        if "text/html" in output.get("data", {})
    )
    rows = re.findall("<tr>(.*?)</tr>", html)
    return [[cell.strip() for cell in re.findall("<td>(.*?)</td>", row)] for row in rows]


def pictures(notebook) -> list[np.ndarray]:
    found = []
    for cell in code_cells(notebook):
        for output in cell.outputs:
            for kind, value in output.get("data", {}).items():
                if kind.startswith("image/"):
                    found.append(np.array(Image.open(io.BytesIO(base64.b64decode(value)))))
    return found


def kinds(notebook) -> list[tuple[str, list]]:
    """For each cell what kinds of outputs it has, the same on every machine.

    What libraries say of the machine on stderr is not among them.
    """
    return [
        (
            cell.id,
            [
                output.get("name") or sorted(output.data)
                for output in cell.outputs
                if output.get("name") != "stderr"
            ],
        )
        for cell in code_cells(notebook)
    ]


def text_of(notebook) -> str:
    """All that a notebook says, without its pictures, which are letters at random."""
    return re.sub(r'"image/\w+": "[^"]*"', "", nbformat.writes(notebook))


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of what the notebooks need, in which they all run."""
    return copy_clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def run(clone, forked_python):
    """A notebook with the outputs of a run here."""
    done = {}

    def run_once(name: str):
        if name not in done:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sys, "executable", forked_python)
                # As a kernel has it, which sets it only before the library is imported.
                patch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
                done[name] = execute(clone / f"{name}.ipynb")
            clean(done[name])
        return done[name]

    yield run_once
    for path in clone.parent.rglob("*.h5"):
        path.unlink()


# --- Run ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_whole_and_gives_what_is_stored(run, name):
    notebook = run(name)
    assert [cell.execution_count for cell in code_cells(notebook)] == [
        *range(1, 1 + len(code_cells(notebook)))
    ]
    assert digest_of(notebook) == digest_of(stored(name))
    assert kinds(notebook) == kinds(stored(name))
    for picture in pictures(notebook):
        assert picture.std() > 5
    assert MACHINE.findall(text_of(notebook)) == []


def test_inspecting_data(run):
    notebook = run("inspect_data")
    assert "12 fields" in printed(notebook, "rbc") and "0 errors" in printed(notebook, "rbc")
    fields = table(notebook, "dataset")
    assert len(fields) == 1 + 9
    for _, cells, *by_class in fields[1:]:
        assert int(cells) == sum(map(int, by_class)) > 20
    kept = [[float(value) for value in row[2:]] for row in table(notebook, "mini-masks")[1:]]
    assert kept == sorted(kept, reverse=True)
    assert kept[0][0] == 1 and kept[-1][0] < 0.95
    counts = [int(line.split()[0]) for line in printed(notebook, "targets").splitlines()]
    # Three shapes at each place of maps of 8 x 8 to 128 x 128.
    assert counts[0] > 20 and sum(counts) == 3 * sum(4**level for level in range(3, 8))


def test_inspecting_the_model(run):
    notebook = run("inspect_model")
    by_hand, by_network = re.search(
        r"-> (\d+) detections by hand, (\d+) by", printed(notebook, "detections")
    ).groups()
    assert by_hand == by_network
    overlap = re.search(r"overlaps one of the network by ([\d.]+)", printed(notebook, "detections"))
    assert float(overlap[1]) > 0.99
    assert float(re.search(r"F1 ([\d.]+)", printed(notebook, "result"))[1]) > 0.9
    for _, boxes, covered, _ in table(notebook, "nms")[1:]:
        assert int(boxes) >= 100 and int(covered.rstrip("%")) > 90


def test_the_walkthrough(run, clone):
    notebook = run("rbc_walkthrough")
    results = clone.parent / "results" / "notebooks"
    summary = json.loads((results / "evaluate" / "summary.json").read_text())
    points = summary["operating_points"]
    assert [point["min_confidence"] for point in points] == [0.7, 0.8, 0.9]

    rows = table(notebook, "table")
    assert len(rows) == 1 + 3 + 1 and "mean of 3" in rows[-1][0]
    for number, row in enumerate(rows[1:-1]):
        for place, point in enumerate(points):
            image = point["images"][number]
            assert row[0] == image["name"] and int(row[1]) == image["ground_truth"]
            assert row[2 + 2 * place] == str(image["segmented"])
            assert row[3 + 2 * place] == f"{image['accuracy']:.1%}"
    assert rows[-1][3] == f"{points[0]['accuracy_mean']:.1%}"

    for row, point in zip(table(notebook, "figures")[1:], points, strict=True):
        figures = point["quality"]["ignore"]["0.50"]["pooled"]
        assert row[3] == f"{figures['f1']:.3f}" and figures["f1"] > 0.9
    assert (results / "evaluate" / "report.html").stat().st_size > 100_000
    counted = table(notebook, "detect")
    assert counted[-1][0] == "all images"
    assert int(counted[-1][4]) == sum(int(row[4]) for row in counted[1:-1]) > 200
    # The confidence that comes with the weights was not chosen anew.
    name = Path("weights/rbc/min_confidence.json")
    assert (clone.parent / name).read_bytes() == (ROOT / name).read_bytes()


def test_training_on_ones_own_data(run, clone):
    notebook = run("your_own_dataset")
    assert "Epoch 3/3" in printed(notebook, "train")
    assert float(re.search(r"F1 ([\d.]+)", printed(notebook, "detect"))[1]) > 0.9
    assert len([*(clone.parent / "logs" / "notebooks").glob("own*/losses.csv")]) == 1


def test_nothing_is_written_into_the_folder_of_the_notebooks(run, clone):
    for name in NOTEBOOKS:
        run(name)
    names = {path.name for path in clone.iterdir()} - {".ipython", "__pycache__"}
    assert names == {path.name for path in FOLDER.iterdir()} - {"__pycache__"}


# --- Stored ------------------------------------------------------------------------------------


def test_the_notebooks_are_those_that_are_known():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {*NOTEBOOKS}
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}.ipynb)" in readme for name in NOTEBOOKS)


def test_together_they_are_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*")) < MOST_BYTES


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_is_stored_is_clean(name):
    notebook = stored(name)
    nbformat.validate(notebook)
    assert notebook.metadata[DIGEST] == digest_of(notebook), "run `make notebooks`"
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {DIGEST, "kernelspec", "language_info"}
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == [*range(1, 1 + len(cells))]
    for cell in notebook.cells:
        assert cell.metadata == {}
        # A name, not a random number: outputs come and go, cells stay.
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", cell.id)
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
    assert len(pictures(notebook)) >= LEAST_PICTURES[name]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_is_stored_names_no_machine(name):
    text = text_of(stored(name))
    assert MACHINE.findall(text) == []
    assert str(ROOT) not in text


@pytest.mark.parametrize(
    "text",
    [
        "see " + "/ho" + "me/anna/a.h5",
        '"/t' + 'mp/x"',
        "C" + ":\\Users",
        "/tm" + "p/ipykernel_12/34.py:1: UserWarning",
    ],
)
def test_names_of_machines_are_found(text):
    assert MACHINE.search(text)
    assert not MACHINE.search("results/home/a, ../tmp/b and 1/usr/2 at 10:30")


def test_outputs_of_other_sources_are_found():
    notebook = stored("inspect_data")
    cell_of(notebook, "config").source += "\nprint(1)"
    assert notebook.metadata[DIGEST] != digest_of(notebook)


def test_cleaning_takes_away_what_tells_of_the_machine():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("train()", id="train")])
    stderr = "WARNING: All log messages before absl::x\nI0000 00:00:17.5  8 port.cc:1] oneDNN\n"
    stdout = (
        "Checkpoints: logs/own20261124T0422/own_0001.h5\n"
        "\x1b[1m8/8\x1b[0m \x1b[1m1:19\x1b[0m 5s/step - loss: 1.6\n"
        "2/2 5s 35ms/step - loss: 1.5\n"
    )
    cell = notebook.cells[0]
    cell.metadata["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
    for name, text in (("stderr", stderr), ("stdout", stdout), ("stderr", stderr + "mind this\n")):
        cell.outputs.append(nbformat.v4.new_output("stream", name=name, text=text))
    clean(notebook)
    assert cell.metadata == {}
    assert [(output.name, output.text) for output in cell.outputs] == [
        (
            "stdout",
            "Checkpoints: logs/own20260131T0930/own_0001.h5\n"
            "\x1b[1m8/8\x1b[0m loss: 1.6\n2/2 loss: 1.5\n",
        ),
        ("stderr", "mind this\n"),
    ]
    assert notebook.metadata[DIGEST] == digest_of(notebook)
