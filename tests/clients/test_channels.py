"""A program for pictures of four channels, with weights for three."""

import json

import h5py
import numpy as np
import skimage.draw
import tifffile


def write_orchard(folder, count, seed):
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        image = random.integers(0, 60, (96, 128, 4), dtype=np.uint8)
        trees = [[30, 30, 14], [60, 90, 18]]
        for row, column, radius in trees:
            # Seen in the near infrared alone.
            image[(*skimage.draw.disk((row, column), radius), 3)] = 220
        tifffile.imwrite(folder / f"{number}.tif", image, photometric="rgb", extrasamples=[0])
        (folder / f"{number}.json").write_text(json.dumps(trees))


def kernel(path):
    with h5py.File(path) as file:
        return file["conv1"]["conv1"]["kernel:0"][()]


def test_four_channels_begin_with_weights_for_three(run_program, published_weights, tmp_path):
    write_orchard(tmp_path / "orchard" / "train", 2, 1)
    write_orchard(tmp_path / "orchard" / "val", 1, 2)
    printed = run_program("orchard.py", "train", "--dataset=orchard", eagerly=True)
    assert "1 fitted to the channels of the images: conv1" in printed
    (checkpoint,) = tmp_path.glob("logs/orchard*/mask_rcnn_orchard_0001.h5")
    # The heads alone have learned.
    published, fitted = kernel(tmp_path / "mask_rcnn_coco.h5"), kernel(checkpoint)
    assert fitted.shape == (7, 7, 4, 64)
    np.testing.assert_array_equal(fitted[:, :, :3], published)
    np.testing.assert_allclose(fitted[:, :, 3], published.mean(axis=2), atol=1e-6)

    printed = run_program("orchard.py", "detect", "--dataset=orchard")
    assert "0.tif: (96, 128, 4) " in printed
    assert "fitted" not in printed
