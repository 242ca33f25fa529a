"""While a network is made, nobody looks for garbage; before and after it is as it was."""

import gc

import pytest

from mrcnn.nets import garbage


@pytest.mark.parametrize("before", [True, False])
def test_it_is_afterwards_as_before(before):
    (gc.enable if before else gc.disable)()
    try:
        with garbage.not_looked_for():
            assert not gc.isenabled()
        assert gc.isenabled() == before
        with pytest.raises(KeyError), garbage.not_looked_for():
            raise KeyError
        assert gc.isenabled() == before
    finally:
        gc.enable()


def test_one_inside_another_goes_on():
    with garbage.not_looked_for():
        with garbage.not_looked_for():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
