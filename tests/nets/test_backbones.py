"""What every backbone must be like, and the ResNets in particular."""

import keras
import pytest

from mrcnn.config import APPLICATIONS, BACKBONES
from mrcnn.nets.backbones import BUILDERS, backbone_stages
from mrcnn.nets.resnet import BLOCKS, resnet_stages
from mrcnn.training.freezing import LAYER_CHOICES, set_trainable

IMAGE_SHAPE = (128, 192, 3)


def test_the_configuration_knows_the_backbones_that_there_are():
    assert {*BACKBONES, *APPLICATIONS} == set(BUILDERS)


@pytest.mark.parametrize("backbone", [*BACKBONES, "mobilenet_v2"])
def test_every_backbone_fits_the_pyramid(tiny_config, backbone):
    image = keras.Input(IMAGE_SHAPE)
    stages = backbone_stages(image, tiny_config(BACKBONE=backbone))
    sides = [(128 // stride, 192 // stride) for stride in (4, 8, 16, 32)]
    assert [tuple(stage.shape[1:3]) for stage in stages] == sides
    # "3+" and its like choose layers by the number of the stage in their names.
    model = keras.Model(image, stages)
    counts = [len(set_trainable(model, LAYER_CHOICES[name])) for name in ("5+", "4+", "3+", "all")]
    assert 0 < counts[0] < counts[1] < counts[2] < counts[3]


def test_a_function_may_be_the_backbone(tiny_config):
    made = []

    def stages(image, stage5, train_bn):
        assert stage5 is True and train_bn is False
        strides = (2, 4, 8, 16, 32)
        made.extend(keras.layers.Conv2D(5, 1, strides=stride)(image) for stride in strides)
        return made

    config = tiny_config(BACKBONE=staticmethod(stages))
    assert backbone_stages(keras.Input(IMAGE_SHAPE), config) == made[1:]


@pytest.mark.parametrize(("name", "factor", "last"), [("resnet18", 1, "b"), ("resnet50", 4, "c")])
def test_resnets_have_their_channels_and_names(name, factor, last):
    image = keras.Input(IMAGE_SHAPE)
    stages = resnet_stages(image, name)
    channels = [64] + [factor * width for width in (64, 128, 256, 512)]
    assert [stage.shape[-1] for stage in stages] == channels
    assert tuple(stages[0].shape[1:3]) == (32, 48)
    keras.Model(image, stages[-1]).get_layer(f"res5{last}_out")


def test_resnet_without_its_last_stage():
    stages = resnet_stages(keras.Input((64, 64, 3)), "resnet18", stage5=False)
    assert len(stages) == 5 and stages[-1] is None


def test_unknown_architecture_is_named():
    with pytest.raises(ValueError, match=f"'vgg16'.*{', '.join(BLOCKS)}"):
        resnet_stages(keras.Input((64, 64, 3)), "vgg16")
