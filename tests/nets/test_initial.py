"""Convolutions draw their initial weights, unless stored ones are about to come."""

import numpy as np
from keras import ops

from mrcnn.nets import initial
from mrcnn.nets.convolution import Convolution


def kernel_of(convolution):
    convolution.build((None, 4, 4, 3))
    return ops.convert_to_numpy(convolution.kernel)


def test_weights_are_drawn_but_for_a_while():
    with initial.not_drawn():
        convolution = Convolution(2, 3, kernel_initializer="he_normal")
        assert not kernel_of(convolution).any()
        with initial.not_drawn():
            pass
        assert not initial.are_drawn()
    assert kernel_of(Convolution(2, 3)).all()
    again = Convolution.from_config(convolution.get_config())
    assert np.abs(kernel_of(again)).max() > 0.1
