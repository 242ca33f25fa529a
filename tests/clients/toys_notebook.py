"""Toys on a floor: a Jupyter notebook, saved as a script.

The pictures come out of three formulas, so one can try the network without any photograph.
"""

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

import mrcnn.model as network
from mrcnn import utils, visualize
from mrcnn.config import Config
from mrcnn.model import log

PUBLISHED = "mask_rcnn_coco.h5"
if not os.path.exists(PUBLISHED):
    utils.download_trained_weights(PUBLISHED)

# %% The toys: what lies inside of one with radius 1 around (0, 0), y downwards.
FORMS = {
    "ball": lambda y, x: np.hypot(y, x) <= 1,
    "brick": lambda y, x: np.maximum(1.6 * abs(y), abs(x)) <= 1,
    "cone": lambda y, x: (y <= 1) & (2 * abs(x) <= 1 + y),
}
FLOOR = (25, 30, 45)


class Floor(utils.Dataset):
    def strew(self, pictures, side, seed):
        for number, form in enumerate(FORMS, start=1):
            self.add_class("toys", number, form)
        rng = np.random.default_rng(seed)
        for number in range(pictures):
            toys = [
                {
                    "form": str(rng.choice(list(FORMS))),
                    "radius": side * rng.uniform(0.1, 0.2),
                    "centre": side * rng.uniform(0.2, 0.8, size=2),
                    "colour": rng.integers(120, 256, size=3),
                }
                for _ in range(rng.integers(1, 4))
            ]
            self.add_image("toys", image_id=number, path=None, side=side, toys=toys)
        self.prepare()
        return self

    def topmost(self, image_id):
        """Which toy one sees at each pixel: its place in the list, or -1."""
        info = self.image_info[image_id]
        places = np.full((info["side"], info["side"]), -1)
        pixels = np.indices(places.shape)
        for place, toy in enumerate(info["toys"]):
            y, x = (pixels - toy["centre"].reshape(2, 1, 1)) / toy["radius"]
            places[FORMS[toy["form"]](y, x)] = place
        return places

    def load_image(self, image_id):
        palette = [toy["colour"] for toy in self.image_info[image_id]["toys"]]
        return np.array([*palette, FLOOR], dtype=np.uint8)[self.topmost(image_id)]

    def load_mask(self, image_id):
        forms = [toy["form"] for toy in self.image_info[image_id]["toys"]]
        masks = self.topmost(image_id)[:, :, np.newaxis] == np.arange(len(forms))
        return masks, np.array([self.class_names.index(form) for form in forms], dtype=np.int32)

    def image_reference(self, image_id):
        return [toy["form"] for toy in self.image_info[image_id]["toys"]]


# %% A network that a laptop can train
class Learning(Config):
    NAME = "toys"
    NUM_CLASSES = 1 + len(FORMS)
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    IMAGE_MAX_DIM = IMAGE_MIN_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    BACKBONE = "resnet50"
    FPN_CLASSIF_FC_LAYERS_SIZE = 128
    TOP_DOWN_PYRAMID_SIZE = 64
    POST_NMS_ROIS_INFERENCE = POST_NMS_ROIS_TRAINING = 60
    TRAIN_ROIS_PER_IMAGE = 16


class Looking(Learning):
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0


learning, looking = Learning(), Looking()
learning.display()
nursery = Floor().strew(20, learning.IMAGE_SHAPE[0], seed=3)
attic = Floor().strew(5, learning.IMAGE_SHAPE[0], seed=4)

# %%
for number in nursery.image_ids[:2]:
    print("Picture", number, "shows", nursery.image_reference(number))
    masks, labels = nursery.load_mask(number)
    visualize.display_top_masks(nursery.load_image(number), masks, labels, nursery.class_names)
    plt.savefig(f"nursery_{number}.png")

# %% What depends on the number of classes starts afresh.
pupil = network.MaskRCNN(mode="training", config=learning, model_dir=os.path.abspath("logs"))
class_layers = ["mrcnn_mask", "mrcnn_bbox", "mrcnn_bbox_fc", "mrcnn_class_logits"]
pupil.load_weights(PUBLISHED, by_name=True, exclude=class_layers)

# %%
pace = learning.LEARNING_RATE
pupil.train(nursery, attic, learning_rate=pace, epochs=1, layers="heads")
pupil.train(nursery, attic, learning_rate=pace / 10, epochs=2, layers="all")
print("After epoch", pupil.epoch, "see", pupil.log_dir)
pupil.keras_model.save_weights(os.path.join("logs", "toys_to_keep.h5"))

# %% From here on, the newest checkpoint looks at pictures that it has not learned from.
finder = network.MaskRCNN(mode="inference", config=looking, model_dir=os.path.abspath("logs"))
finder.load_weights(finder.find_last(), by_name=True)

picture, meta, labels, boxes, masks = network.load_image_gt(
    attic, looking, np.random.choice(attic.image_ids), use_mini_mask=False
)
log("the picture", picture)
log("its meta data", meta)
log("labels drawn", labels)
log("boxes drawn", boxes)
log("masks drawn", masks)
visualize.display_instances(picture, boxes, masks, labels, attic.class_names, figsize=(8, 8))
plt.savefig("drawn.png")

# %%
(seen,) = finder.detect([picture], verbose=1)
_, canvas = plt.subplots(figsize=(8, 8))
visualize.display_instances(
    picture,
    seen["rois"],
    seen["masks"],
    seen["class_ids"],
    attic.class_names,
    seen["scores"],
    ax=canvas,
)
plt.savefig("seen.png")

# %% How good is it?
marks = []
for number in attic.image_ids:
    picture, meta, labels, boxes, masks = network.load_image_gt(
        attic, looking, number, use_mini_mask=False
    )
    batch = network.mold_image(picture, looking)[np.newaxis]
    (seen,) = finder.detect([picture], verbose=0)
    mark, precisions, recalls, overlaps = utils.compute_ap(
        boxes, labels, masks, seen["rois"], seen["class_ids"], seen["scores"], seen["masks"]
    )
    marks.append(mark)
print("The network is fed", batch.shape, batch.dtype)
print(f"Mean of {len(marks)} average precisions: {np.mean(marks):.3f}")
