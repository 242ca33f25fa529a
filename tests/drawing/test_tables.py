"""Tables in a notebook and elsewhere."""

import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mrcnn.drawing.tables import display_table, display_weight_stats


@pytest.fixture
def notebook(monkeypatch):
    """IPython as it is in a notebook; collects the HTML that is shown."""
    shown = []
    module = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=object()),
        display=SimpleNamespace(HTML=lambda text: text, display=shown.append),
    )
    monkeypatch.setitem(sys.modules, "IPython", module)
    return SimpleNamespace(shown=shown, module=module)


TABLE = [["NAME", "VALUE"], ["a", 1], ("longer name", 2.5)]


def test_text_table(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    display_table(TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "NAME         VALUE",
        "a            1",
        "longer name  2.5",
    ]


def test_rows_of_different_lengths(capsys):
    display_table([["a"], ["bb", 1, 22], []])
    display_table([])
    assert capsys.readouterr().out.splitlines() == ["a", "bb  1  22", "", ""]


def test_text_leaves_out_html(capsys):
    display_table([["<span style='color:red'>5 &lt; 6</span>", "x < y > z"]])
    assert capsys.readouterr().out == "5 < 6  x < y > z\n"


def test_html_table(notebook, capsys):
    display_table(TABLE)
    (html,) = notebook.shown
    assert html.startswith("<table><tr><td>NAME")
    assert html.endswith("</td></tr></table>")
    assert (html.count("<tr>"), html.count("<td>")) == (3, 6)
    display_table([["<b>bold</b>"]])
    assert "<b>bold</b>" in notebook.shown[1]
    assert capsys.readouterr().out == ""


def test_shell_in_a_terminal_gets_text(notebook, capsys):
    notebook.module.get_ipython = lambda: SimpleNamespace()
    display_table(TABLE)
    notebook.module.get_ipython = lambda: None
    display_table(TABLE)
    assert notebook.shown == []
    assert capsys.readouterr().out.count("longer name") == 2


@pytest.fixture
def model():
    """A model of real layers: a convolution, a dense layer and a batch normalization."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    outputs = keras.layers.Dense(2, name="dense")(x)
    network = keras.Model(inputs, outputs)
    layers = [layer for layer in network.layers if layer.weights]
    for layer in layers:
        values = [np.linspace(-1, 3, w.size).reshape(w.shape) for w in layer.get_weights()]
        layer.set_weights(values)
    return SimpleNamespace(get_trainable_layers=lambda: layers, network=network)


def rows_of(text):
    return {line.split()[0]: line for line in text.splitlines()}


def set_weight(model, layer, index, value):
    layer = model.network.get_layer(layer)
    weights = layer.get_weights()
    weights[index] = np.broadcast_to(value, weights[index].shape)
    layer.set_weights(weights)


def test_statistics_of_weights(model, capsys):
    display_weight_stats(model)
    rows = rows_of(capsys.readouterr().out)
    assert list(rows) == [
        "WEIGHT",
        "conv/kernel",
        "conv/bias",
        "norm/gamma",
        "norm/beta",
        "norm/moving_mean",
        "norm/moving_variance",
        "dense/kernel",
        "dense/bias",
    ]
    spread = np.std(np.linspace(-1, 3, 108))
    assert rows["conv/kernel"].split() == [
        "conv/kernel", "(3,", "3,", "3,", "4)", "-1.0000", "+3.0000", f"{spread:+.4f}"
    ]  # fmt: skip
    assert not any("***" in row for row in rows.values())


def test_weights_of_a_nested_model_are_called_after_their_layers(model, capsys):
    inputs = keras.Input((8, 8, 3))
    outer = keras.Model(inputs, model.network(inputs))
    nested = [layer for layer in outer.layers if layer.weights]
    assert nested == [model.network]
    display_weight_stats(SimpleNamespace(get_trainable_layers=lambda: nested))
    names = [name for name in rows_of(capsys.readouterr().out) if name != "WEIGHT"]
    assert sorted(names) == sorted(
        f"{layer.name}/{weight.name}" for layer in model.network.layers for weight in layer.weights
    )


def test_marks_of_weights(model, capsys):
    set_weight(model, "conv", 0, 0.25)
    set_weight(model, "conv", 1, 0.0)
    set_weight(model, "norm", 0, [1, 2, np.nan, 4])
    set_weight(model, "norm", 1, [1, 2, np.inf, 4])
    set_weight(model, "dense", 0, [1, -1001])
    display_weight_stats(model)
    rows = rows_of(capsys.readouterr().out)
    marks = {name: row.split("*** ")[1].split()[0] for name, row in rows.items() if "***" in row}
    assert marks == {
        "conv/kernel": "constant",
        "norm/gamma": "NaN",
        "norm/beta": "infinite",
        "dense/kernel": "large",
    }


def test_marks_are_red_in_a_notebook(model, notebook):
    set_weight(model, "dense", 0, 0.0)
    display_weight_stats(model)
    (html,) = notebook.shown
    assert "<td>dense/kernel <span style='color:red'>*** constant</span>" in html
    assert html.count("<tr>") == 9
