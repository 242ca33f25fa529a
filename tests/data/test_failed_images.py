"""Images for which a client's methods fail: another takes the place, and too many end the training.

The dataset draws its masks as Matterport's sample for VIA does, which fails where somebody clicked
on the right or lower border of an image.
"""

import warnings

import numpy as np
import pytest
import skimage.draw

from mrcnn.data.dataset import Dataset
from mrcnn.data.failed_images import MOST_LEFT_OUT, needed
from mrcnn.data.loader import BatchLoader
from mrcnn.errors import DataError
from mrcnn.model import data_generator, load_image_gt

HEIGHT, WIDTH = 60, 80


class Balloons(Dataset):
    """One outline on each image; those of some images reach x = WIDTH or y = HEIGHT."""

    def __init__(self, count=8, beyond=(), error=None):
        super().__init__()
        self.beyond, self.error = set(beyond), error
        self.add_class("balloon", 1, "round")
        self.add_class("balloon", 2, "long")
        for number in range(count):
            self.add_image("balloon", number, f"sky{number}.jpg")
        self.prepare()

    def load_image(self, image_id):
        return np.full((HEIGHT, WIDTH, 3), 10 + image_id, np.uint8)

    def load_mask(self, image_id):
        if self.error is not None and image_id in self.beyond:
            raise self.error
        right, bottom = WIDTH - 20, HEIGHT - 20
        if image_id in self.beyond:
            right, bottom = (WIDTH, bottom) if image_id % 2 else (right, HEIGHT)
        mask = np.zeros([HEIGHT, WIDTH, 1], dtype=np.uint8)
        rr, cc = skimage.draw.polygon([10, 10, bottom, bottom], [5, right, right, 5])
        mask[rr, cc, 0] = 1
        return mask.astype(bool), np.ones([1], dtype=np.int32)


@pytest.fixture
def config(small_config):
    return type("Config", (small_config,), {"LOADER_WORKERS": 0, "STEPS_PER_EPOCH": 4})()


def ids_in(batch):
    return batch[0][1][:, 0].astype(int).tolist()


def test_the_next_image_takes_the_place_and_a_warning_names_the_one_and_the_remedy(config):
    loader = BatchLoader(Balloons(beyond=(3, 4)), config, shuffle=False)
    with pytest.warns(UserWarning) as told:
        found = [ids_in(loader[step]) for step in range(4)]
        loader.on_epoch_end()
        assert [ids_in(loader[step]) for step in range(4)] == found
    assert found == [[0, 1], [2, 5], [5, 5], [6, 7]]
    first, second = (str(warning.message) for warning in told)
    assert first.startswith(
        "Image sky3.jpg: load_mask of Balloons raised IndexError: index 80 is out of bounds for "
        "axis 1 with size 80. It is left out, and another image takes its place."
    )
    assert "skimage.draw.polygon(y, x, mask.shape[:2])" in first
    assert second.startswith("Image sky4.jpg: load_mask of Balloons raised IndexError: index 60")
    assert loader.images_used(1) == [2, 5]
    assert loader.image_ids_of(1) == [2, 3]


@pytest.mark.filterwarnings("ignore:Image sky")
def test_which_image_that_is_does_not_depend_on_what_was_loaded_before(config):
    config.LOADER_WORKERS = 3
    whole = BatchLoader(Balloons(beyond=(0, 3, 4)), config)
    batches = {}
    for epoch in range(3):
        for step in range(4):
            batches[epoch, step] = whole[step]
        whole.on_epoch_end()
    whole.close()
    for epoch, step in ((2, 1), (1, 3), (2, 3), (0, 2)):
        resumed = BatchLoader(Balloons(beyond=(0, 3, 4)), config, threads=0)
        resumed.epoch = epoch
        for one, other in zip(resumed[step][0], batches[epoch, step][0], strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore:Image sky")
def test_one_image_too_many_ends_the_training_with_the_names_of_all(config):
    loader = BatchLoader(Balloons(beyond=range(MOST_LEFT_OUT + 1)), config, shuffle=False)
    message = r"^Image sky5\.jpg: .* 6 images fail, and at most 5 .*sky0.jpg.*sky4.jpg"
    with pytest.raises(DataError, match=message) as raised:
        loader[0]
    assert isinstance(raised.value.__cause__, IndexError)

    as_many = BatchLoader(Balloons(beyond=range(MOST_LEFT_OUT)), config, shuffle=False)
    assert ids_in(as_many[0]) == [5, 5]


@pytest.mark.filterwarnings("ignore:Image sky")
def test_a_dataset_of_which_no_image_can_be_used(config):
    loader = BatchLoader(Balloons(2, beyond=(0, 1)), config)
    with pytest.raises(DataError, match="No image of the dataset can be used"):
        loader[0]


@pytest.mark.parametrize("error", [DataError("sky1.jpg: too dark"), MemoryError("no room")])
def test_errors_of_this_package_and_a_lack_of_memory_stop_at_once(config, error):
    loader = BatchLoader(Balloons(beyond=(1,), error=error), config, shuffle=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(type(error), match=str(error)):
            loader[0]


@pytest.mark.parametrize("answer", [None, np.zeros((4, 4, 2)), ([[1, 2], [3]], [1])])
def test_an_answer_that_is_none_names_the_image(config, answer):
    dataset = Balloons()
    dataset.load_mask = lambda image_id: answer
    with pytest.raises(DataError, match=r"^Image sky0\.jpg: "):
        BatchLoader(dataset, config, shuffle=False)[0]


def test_other_methods_and_other_errors(config):
    dataset = Balloons()
    load, dataset.load_image = dataset.load_image, lambda _: {}["key"]
    with (
        pytest.warns(UserWarning, match=r"load_image of Balloons raised KeyError: 'key'\. .*Corr"),
        pytest.raises(DataError, match="6 images fail"),
    ):
        BatchLoader(dataset, config)[0]
    dataset.load_image = load
    dataset.load_polygons = lambda _: 1 / 0
    with (
        pytest.warns(UserWarning, match="load_polygons of Balloons raised ZeroDivisionError"),
        pytest.raises(DataError, match="6 images fail"),
    ):
        BatchLoader(dataset, config)[0]


def test_programs_that_ask_themselves(config):
    dataset = Balloons(beyond=(1,))
    with pytest.raises(IndexError, match="index 80") as raised:
        load_image_gt(dataset, config, 1)
    assert any("Image sky1.jpg: load_mask" in note for note in raised.value.__notes__)
    with pytest.warns(UserWarning, match="Image sky1"):
        inputs, _ = next(data_generator(dataset, config, shuffle=False, batch_size=3))
    assert inputs[1][:, 0].tolist() == [0, 2, 2]


def test_where_no_other_image_can_take_the_place_the_error_names_image_and_method():
    dataset = Balloons(beyond=(2,))
    assert needed(dataset, "load_image", 2).shape == (HEIGHT, WIDTH, 3)
    assert len(needed(dataset, "load_instances", 3)) == 1
    with pytest.raises(DataError, match=r"Image sky2\.jpg: load_mask of Balloons") as caught:
        needed(dataset, "load_instances", 2)
    assert "skimage.draw.polygon(y, x, mask.shape[:2])" in str(caught.value)
    assert isinstance(caught.value.__cause__, IndexError)
    with pytest.raises(DataError, match=r"sky2\.jpg: load_image of Balloons raised OSError: gone"):
        dataset.load_image = lambda image_id: _raise(OSError("gone"))
        needed(dataset, "load_image", 2)
    with pytest.raises(MemoryError):
        needed(Balloons(beyond=(0,), error=MemoryError()), "load_instances", 0)


def _raise(error):
    raise error
