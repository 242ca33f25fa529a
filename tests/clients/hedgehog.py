# Counts hedgehogs on photographs of gardens, after learning from boxes alone: the whole box is
# taken for the animal. Annotations are Pascal VOC's XML files.
#
#     python hedgehog.py FOLDER_WITH_images_AND_annots
import glob
import os
import sys
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np

import mrcnn.config
import mrcnn.model
import mrcnn.utils

# Taken through a wet lens.
UNUSABLE = {"00003"}
FIRST_TEST_PHOTOGRAPH = 5
HEADS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]


class Hedgehogs(mrcnn.utils.Dataset):
    def load_dataset(self, root, testing):
        self.add_class(source="garden", class_id=1, class_name="hedgehog")
        for path in sorted(glob.glob(os.path.join(root, "images", "*"))):
            number = os.path.splitext(os.path.basename(path))[0]
            if number in UNUSABLE or (int(number) >= FIRST_TEST_PHOTOGRAPH) != testing:
                continue
            xml = os.path.join(root, "annots", number + ".xml")
            self.add_image(source="garden", image_id=number, path=path, annotation=xml)
        self.prepare()

    def load_mask(self, image_id):
        tree = ET.parse(self.image_info[image_id]["annotation"])
        size = tree.find("size")
        boxes = [
            [int(obj.find("bndbox").find(side).text) for side in ("ymin", "xmin", "ymax", "xmax")]
            for obj in tree.iter("object")
        ]
        shape = [int(size.find("height").text), int(size.find("width").text), len(boxes)]
        masks = np.zeros(shape, dtype="uint8")
        for layer, (top, left, bottom, right) in enumerate(boxes):
            masks[top:bottom, left:right, layer] = 1
        return masks, np.full(len(boxes), self.class_names.index("hedgehog"), dtype="int32")

    def image_reference(self, image_id):
        return self.image_info[image_id]["path"]


class GardenConfig(mrcnn.config.Config):
    NAME = "hedgehog_cfg"
    NUM_CLASSES = 2
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    BACKBONE = "resnet50"
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TOP_DOWN_PYRAMID_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 128
    POST_NMS_ROIS_TRAINING = 60
    TRAIN_ROIS_PER_IMAGE = 12


class CountingConfig(GardenConfig):
    POST_NMS_ROIS_INFERENCE = 60
    DETECTION_MIN_CONFIDENCE = 0.0


def look_at(model, image, config):
    """What the model sees on one picture, which goes in as a batch of one, centred already."""
    sample = mrcnn.model.mold_image(images=image, config=config)[np.newaxis]
    found = model.detect(images=sample, verbose=0)[0]
    return sample, found


def mean_precision(model, photographs, config):
    precisions = []
    for image_id in photographs.image_ids:
        image, image_meta, class_ids, boxes, masks = mrcnn.model.load_image_gt(
            dataset=photographs, config=config, image_id=image_id, use_mini_mask=False
        )
        sample, found = look_at(model, image, config)
        print("sample", sample.shape, sample.dtype, "masks", found["masks"].shape)
        precision, precisions_at, recalls_at, overlaps = mrcnn.utils.compute_ap(
            gt_boxes=boxes,
            gt_class_ids=class_ids,
            gt_masks=masks,
            pred_boxes=found["rois"],
            pred_class_ids=found["class_ids"],
            pred_scores=found["scores"],
            pred_masks=found["masks"],
            iou_threshold=0.5,
        )
        precisions.append(precision)
    return np.mean(precisions)


def picture(model, photographs, config, path):
    figure, rows = plt.subplots(nrows=2, ncols=2, figsize=(8, 6))
    for image_id, (annotated, detected) in enumerate(rows):
        image = photographs.load_image(image_id=image_id)
        masks, class_ids = photographs.load_mask(image_id=image_id)
        annotated.imshow(image)
        annotated.contour(masks.any(axis=2), colors="lime")
        detected.imshow(image)
        for top, left, bottom, right in look_at(model, image, config)[1]["rois"]:
            detected.add_patch(
                plt.Rectangle((left, top), right - left, bottom - top, fill=False, color="red")
            )
    figure.savefig(path)


training, testing = Hedgehogs(), Hedgehogs()
training.load_dataset(sys.argv[1], testing=False)
testing.load_dataset(sys.argv[1], testing=True)
print("Train:", training.num_images)
print("Test:", testing.num_images)
first_masks, first_ids = training.load_mask(image_id=0)
print("Boxes:", mrcnn.utils.extract_bboxes(mask=first_masks).tolist())

settings = GardenConfig()
settings.display()
learner = mrcnn.model.MaskRCNN(mode="training", config=settings, model_dir="./")
learner.load_weights(filepath="mask_rcnn_coco.h5", by_name=True, exclude=HEADS)
learner.train(
    train_dataset=training,
    val_dataset=testing,
    learning_rate=settings.LEARNING_RATE,
    epochs=1,
    layers="heads",
)
learner.keras_model.save_weights("hedgehog_mask_rcnn.h5")

settings = CountingConfig()
counter = mrcnn.model.MaskRCNN(mode="inference", config=settings, model_dir="./")
counter.load_weights(filepath="hedgehog_mask_rcnn.h5", by_name=True)
for name, photographs in (("Train", training), ("Test", testing)):
    print(f"{name} mAP: {mean_precision(counter, photographs, settings):.3f}")
picture(counter, testing, settings, "actual_vs_predicted.png")
