"""Is a data set fit for training? Follows it to the arrays that the network gets.

python inspect_data.py FOLDER
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from fruit import FruitConfig, FruitDataset

import mrcnn.model as m
import mrcnn.utils as u
import mrcnn.visualize as v

INPUTS = (
    "images metas anchor_labels anchor_shifts object_classes object_boxes object_masks "
    "random_boxes sampled"
).split()
TARGETS = ["roi_classes", "roi_shifts", "roi_masks"]


class SmallMasks(FruitConfig):
    IMAGES_PER_GPU = 1
    MINI_MASK_SHAPE = (28, 28)


def keep_figure(name):
    plt.savefig(name)
    plt.close()


def layers(masks):
    return list(np.moveaxis(masks, 2, 0))


def worst_overlap(boxes, objects):
    """How well the box that fits worst fits some object; 1 if there is no box."""
    return u.compute_overlaps(boxes, objects).max(axis=1).min(initial=1)


def check_annotations(dataset, number):
    picture = dataset.load_image(number)
    masks, classes = dataset.load_mask(number)
    boxes = u.extract_bboxes(masks)
    for name, array in (("picture", picture), ("masks", masks), ("boxes", boxes)):
        m.log(name, array)
    v.display_instances(picture, boxes, masks, classes, dataset.class_names)
    keep_figure("annotated.png")
    return picture, masks


def check_resizing(dataset, config, number, picture, masks):
    resized, window, scale, padding, _ = u.resize_image(
        picture,
        min_dim=config.IMAGE_MIN_DIM,
        max_dim=config.IMAGE_MAX_DIM,
        mode=config.IMAGE_RESIZE_MODE,
    )
    print(f"{picture.shape} becomes {resized.shape}: times {scale:.3f}, filling {window}")
    masks = u.resize_mask(masks, scale, padding)
    v.display_images([resized, *layers(masks)])
    keep_figure("resized.png")

    loaded, meta, _, boxes, loaded_masks = m.load_image_gt(
        dataset, config, number, use_mini_mask=False
    )
    m.log("meta", meta)
    for name, value in m.parse_image_meta(meta[None]).items():
        print("   ", name, np.asarray(value)[0].tolist())
    composed = m.compose_image_meta(
        number, picture.shape, resized.shape, window, scale, np.ones(config.NUM_CLASSES)
    )
    same = {
        "picture": np.array_equal(loaded, resized),
        "masks": np.array_equal(loaded_masks, masks),
        "boxes": np.array_equal(boxes, u.extract_bboxes(masks)),
        "meta": np.allclose(meta, composed),
    }
    print("loaded as resized here:", *(name for name in same if same[name]))
    return loaded, boxes, masks


def check_mini_masks(dataset, config, number, picture, boxes, masks):
    *_, mini_boxes, mini = m.load_image_gt(dataset, config, number, use_mini_mask=True)
    m.log("mini", mini)
    assert np.array_equal(boxes, mini_boxes)
    by_hand = u.minimize_mask(boxes, masks, config.MINI_MASK_SHAPE)
    print(f"mini masks: {mini.shape}, {np.sum(by_hand != mini)} pixels not as made by hand")
    back = u.expand_mask(boxes, mini, picture.shape)
    left = np.diagonal(u.compute_overlaps_masks(back, masks)).min()
    print(f"there and back, a mask keeps an overlap of {left:.3f}")
    v.display_images([picture, *layers(mini)])
    keep_figure("mini.png")

    changed, drift = 0, 0
    for _ in range(12):
        other, _, _, around, small = m.load_image_gt(
            dataset, config, number, augment=True, use_mini_mask=True
        )
        changed += not np.array_equal(other, picture)
        found = u.extract_bboxes(u.expand_mask(around, small, other.shape))
        drift = max(drift, np.abs(found - around).max())
    print(f"augmentation changed {changed} of 12, boxes off by {drift} pixels at most")


def check_anchors(config):
    grids = m.compute_backbone_shapes(config, config.IMAGE_SHAPE)
    anchors = u.generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        grids,
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
    )
    m.log("anchors", anchors)
    each = np.prod(grids, axis=1) * len(config.RPN_ANCHOR_RATIOS) // config.RPN_ANCHOR_STRIDE**2
    for (rows, columns), size, count in zip(grids, config.RPN_ANCHOR_SCALES, each, strict=True):
        print(f"{count} anchors of {size} pixels on a grid of {rows} x {columns}")
    frame = config.IMAGE_SHAPE[:2]
    back = u.denorm_boxes(u.norm_boxes(anchors, frame), frame)
    print(
        f"{len(anchors)} anchors, {sum(each)} expected, rounded by {abs(back - anchors).max():.2f}"
    )
    return anchors


def check_batch(dataset, config, anchors):
    batches = m.data_generator(
        dataset, config, shuffle=True, random_rois=200, batch_size=4, detection_targets=True
    )
    inputs, targets = next(batches)
    batch = dict(zip(INPUTS + TARGETS, inputs + targets, strict=True))
    for name, array in batch.items():
        m.log(name, array)

    first = {name: array[0] for name, array in batch.items()}
    picture = m.unmold_image(first["images"], config)
    objects = u.trim_zeros(first["object_boxes"])
    labels = first["anchor_labels"][:, 0]
    print({label: int(np.sum(labels == label)) for label in (-1, 0, 1)})

    start = anchors[labels == 1]
    goal = u.apply_box_deltas(start, first["anchor_shifts"][: len(start)] * config.RPN_BBOX_STD_DEV)
    print(f"anchors that learn an object reach it: {worst_overlap(goal, objects):.3f}")
    _, ax = plt.subplots(figsize=(7, 7))
    v.draw_boxes(picture, boxes=start, refined_boxes=goal, ax=ax)
    keep_figure("learning_anchors.png")

    rois, classes = first["sampled"], first["roi_classes"][:, 0]
    row = np.arange(len(rois))
    shifts = first["roi_shifts"][row, classes] * config.BBOX_STD_DEV
    moved = u.apply_box_deltas(rois.astype(np.float32), shifts)
    masks = first["roi_masks"][row, :, :, classes]
    print(f"ROIs that learn an object reach it: {worst_overlap(moved[classes > 0], objects):.3f}")
    print(f"{np.sum(classes > 0)} of {len(rois)} ROIs do, {len({*map(tuple, rois)})} are different")
    v.draw_rois(picture, rois, moved, masks, classes, dataset.class_names)
    keep_figure("learning_rois.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    config = SmallMasks()
    dataset = FruitDataset()
    dataset.load_fruit(parser.parse_args().folder, "train")
    dataset.prepare()
    print(f"{len(dataset.image_ids)} pictures, {dataset.num_classes} classes:")
    print(*(entry["name"] for entry in dataset.class_info), sep=", ")

    picture, masks = check_annotations(dataset, 0)
    picture, boxes, masks = check_resizing(dataset, config, 0, picture, masks)
    check_mini_masks(dataset, config, 0, picture, boxes, masks)
    check_batch(dataset, config, check_anchors(config))
    # What training itself gets: the network makes the ROIs and the losses.
    inputs, targets = next(m.data_generator(dataset, config, batch_size=2))
    print(f"for training {len(inputs)} arrays and {targets}")


main()
