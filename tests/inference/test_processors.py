"""How many processors a network takes."""

import os
import sys

import pytest

from mrcnn.inference.processors import processors, threads


@pytest.mark.parametrize(("told", "expected"), [("1", 1), (" 3 ", 3), ("4,2", 4)])
def test_as_many_threads_as_are_told(monkeypatch, told, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert threads() == expected


@pytest.mark.parametrize("told", [None, "", "0", "-1", "many", "²"])
def test_without_a_number_all_processors_are_taken(monkeypatch, told):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if told is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", told)
    monkeypatch.setattr("mrcnn.inference.processors.processors", lambda: 7)
    assert threads() == 7


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason=f"{sys.platform} has no such call")
def test_processors_are_those_of_this_program(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5})
    assert processors() == 3


def test_sessions_of_onnx_runtime_have_so_many_threads(monkeypatch):
    runtime = pytest.importorskip("onnxruntime", exc_type=ImportError)
    from mrcnn.inference.onnx_runner import onnx_session

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(runtime, "InferenceSession", lambda _, options, **__: options)
    assert onnx_session(b"").intra_op_num_threads == 3
