"""`rbc.py evaluate`: detections against annotated cells, from one pass over the images."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.evaluation import mask_iou, match_one_to_one, tally_image, touches_border
from mrcnn.files import atomic_write
from rbc_arguments import DEFAULT_DATASET, DEFAULT_RESULTS
from rbc_dataset import RBCDataset
from rbc_model import Cells, detect_cells, limit_warning, load_trained_model
from rbc_outputs import prepare_folder, unique_names
from rbc_pictures import comparison_picture
from rbc_report import MIN_IOU, FieldResult, format_report, summary_json, table_csv

PICTURES = "pictures"


def evaluate_field(
    image: np.ndarray,
    truth: Any,
    cells: Cells,
    confidences: list[float],
    name: str,
    stem: str,
) -> tuple[FieldResult, Image.Image]:
    """Count one field at each confidence and draw it at the lowest.

    Args:
        image: uint8 [H, W, 3].
        truth: `InstanceMasks` of the annotated cells.
        cells: detections at the lowest confidence.
        confidences: to count at, rising.
        name: of the field, as shown.
        stem: of the picture's file name.
    """
    iou = mask_iou(truth.boxes, truth.crops, cells.boxes, cells.crops)
    at_border = touches_border(cells.boxes, cells.crops, image.shape)
    tallies = tuple(
        tally_image(iou, cells.scores, at_border, confidence, MIN_IOU) for confidence in confidences
    )
    picture = comparison_picture(
        image,
        (truth.boxes, truth.crops),
        (cells.boxes, cells.crops, cells.scores),
        match_one_to_one(iou, MIN_IOU),
        iou,
        f"{name}, confidence >={confidences[0]:g}",
    )
    return FieldResult(name, tallies, f"{PICTURES}/{stem}.png"), picture


def run(options: Any) -> int:
    """Evaluate; returns the exit status."""
    dataset_dir = options.dataset or DEFAULT_DATASET
    out = prepare_folder(options.out or DEFAULT_RESULTS / "evaluate" / options.subset)
    confidences = sorted(set(options.min_conf))
    model, weights = load_trained_model(options, confidences[0])
    dataset = RBCDataset()
    dataset.load_rbc(
        dataset_dir, options.subset, model.config.CLASS_NAMES, attribute=options.attribute
    )
    dataset.prepare()
    if not any(info["polygons"] for info in dataset.image_info):
        raise DataError(
            f"{Path(dataset_dir) / options.subset}: no cell is annotated, nothing to compare with."
        )
    count = len(dataset.image_ids)
    print(f"Evaluating {count} fields of {Path(dataset_dir) / options.subset} with {weights}")
    references = [dataset.image_info[image_id]["id"] for image_id in dataset.image_ids]
    fields, limited = [], []
    # Pictures wait beside the earlier ones and replace them together with the table.
    with tempfile.TemporaryDirectory(dir=out, prefix=".pictures-") as waiting:
        for number, (image_id, name, stem) in enumerate(
            zip(dataset.image_ids, references, unique_names(references), strict=True), start=1
        ):
            image = dataset.load_image(image_id)
            truth = dataset.load_instances(image_id)
            cells = detect_cells(model, image, options.max_overlap)
            if cells.limit_reached:
                limited.append(name)
            field, picture = evaluate_field(image, truth, cells, confidences, name, stem)
            picture.save(Path(waiting) / f"{stem}.png")
            fields.append(field)
            lowest = field.tallies[0]
            print(
                f"[{number}/{count}] {name}: ground truth {lowest.ground_truth}, "
                f"segmented {lowest.segmented}, unmatched {lowest.unmatched} at {confidences[0]:g}",
                flush=True,
            )
        (out / PICTURES).mkdir(exist_ok=True)
        for path in sorted(Path(waiting).iterdir()):
            os.replace(path, out / PICTURES / path.name)
    report = format_report(fields, confidences)
    context = {
        "dataset": str(dataset_dir),
        "subset": options.subset,
        "weights": str(weights),
        "max_overlap": options.max_overlap,
        "classes": list(model.config.CLASS_NAMES),
    }
    atomic_write(out / "table.txt", report + "\n")
    atomic_write(out / "table.csv", table_csv(fields, confidences))
    atomic_write(out / "summary.json", summary_json(fields, confidences, context))
    print(f"\n{report}\n")
    if limited:
        print(limit_warning(limited, model.config.DETECTION_MAX_INSTANCES))
    print(f"Table, figures and pictures: {out}")
    return 0
