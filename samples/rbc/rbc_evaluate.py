"""`rbc.py evaluate`: detections against annotated cells, from one pass over the images."""

import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.export import Exporter
from mrcnn.app.names import unique_names
from mrcnn.app.threshold import chosen_confidences, store_threshold
from mrcnn.drawing.results import comparison_picture
from mrcnn.errors import ConfigError, DataError, LimitWarning
from mrcnn.evaluation import (
    Classification,
    Evaluation,
    InstanceEvaluator,
    Instances,
    classify,
)
from mrcnn.files import atomic_write, make_writable_folder
from mrcnn.report.evaluation_files import per_cell_csv, per_image_csv, summary_of, summary_text
from mrcnn.report.markdown import format_report, point_name, sweep_line
from mrcnn.report.page import PageField, picture_data, report_page
from rbc_arguments import DEFAULT_DATASET, DEFAULT_RESULTS
from rbc_config import RBCConfig
from rbc_dataset import RBCDataset
from rbc_model import Cells, detect_cells, limit_warnings, load_trained_model, trained_weights

PICTURES = "pictures"
WATERSHED = "watershed"

# Asked for whatever the operating points are: curves and average precision need the weak
# detections as well.
SCORE_FLOOR = 0.05


@dataclass(frozen=True)
class Field:
    """One evaluated image.

    Attributes:
        image_id: in the data set.
        name: as shown.
        stem: of the names of its files.
        truth: `Instances` of the annotated cells.
        cells: detections by falling score.
    """

    image_id: int
    name: str
    stem: str
    truth: Any
    cells: Cells


@dataclass(frozen=True)
class Method:
    """What finds the cells.

    Attributes:
        name: "network" or "watershed".
        find: cells of an image uint8 [H, W, 3].
        class_names: of classes 1, 2, ...
        confidences: operating points, rising; one of 0 for a method without confidences.
        scored: whether confidences mean anything.
        floor: the lowest confidence that was asked for, or None.
        weights: of the network, or None.
        limits: what the network needed more of than its configuration allows, or None.
    """

    name: str
    find: Callable[[np.ndarray], Cells]
    class_names: tuple[str, ...]
    confidences: list[float]
    scored: bool
    floor: float | None = None
    weights: Path | None = None
    limits: Any = None


def choose_method(options: Any) -> Method:
    """The network with its weights, or the classical method.

    Raises:
        ConfigError, WeightsError: options that do not go together, or no such weights.
    """
    if options.method == WATERSHED:
        if options.sweep or options.min_conf:
            raise ConfigError(
                "--method watershed has no confidences: leave --min-conf and --sweep out."
            )
        from rbc_cells.watershed import watershed_cells

        class_names = tuple(options.classes or RBCConfig.CLASS_NAMES)
        return Method(
            WATERSHED, lambda image: watershed_cells(image, class_names), class_names, [0.0], False
        )
    weights = trained_weights(options)
    confidences = chosen_confidences(options.min_conf or [0.7], weights)
    floor = min(SCORE_FLOOR, confidences[0])
    model = load_trained_model(options, weights, floor)
    return Method(
        "network",
        lambda image: detect_cells(
            model, image, options.max_overlap, options.size_class, options.outline
        ),
        tuple(model.config.CLASS_NAMES),
        confidences,
        True,
        floor,
        weights,
        model.limits,
    )


def load_fields(options: Any, class_names: tuple[str, ...]) -> RBCDataset:
    """The annotated fields.

    Raises:
        DataError: they cannot be read, or no cell is annotated.
    """
    folder = options.dataset or DEFAULT_DATASET
    dataset = RBCDataset()
    dataset.load_rbc(folder, options.subset, class_names, attribute=options.attribute)
    dataset.prepare()
    if not any(info["polygons"] for info in dataset.image_info):
        raise DataError(
            f"{Path(folder) / options.subset}: no cell is annotated, nothing to compare with."
        )
    return dataset


def find_cells(
    dataset: RBCDataset, method: Method, evaluator: InstanceEvaluator
) -> tuple[list[Field], list[str]]:
    """Detect in every field and hand the cells to the evaluator.

    Returns:
        the fields, and the names of those where the limit of detections may have cost some.
    """
    names = [dataset.image_info[image_id]["id"] for image_id in dataset.image_ids]
    fields, limited = [], []
    # What a limit costs is said at the end, of all fields.
    warnings.simplefilter("ignore", LimitWarning)
    for number, (image_id, name, stem) in enumerate(
        zip(dataset.image_ids, names, unique_names(names), strict=True), start=1
    ):
        image = dataset.load_image(image_id)
        truth = dataset.load_instances(image_id)
        cells = method.find(image)
        shape = image.shape[:2]
        evaluator.add_truth(name, Instances(shape, truth.boxes, truth.crops, truth.class_ids))
        evaluator.process(
            name, Instances(shape, cells.boxes, cells.crops, cells.class_ids, cells.scores)
        )
        # Of a full list the weakest are missing; it matters when they would have counted.
        if cells.limit_reached and cells.scores.min(initial=1.0) >= method.confidences[0]:
            limited.append(name)
        fields.append(Field(image_id, name, stem, truth, cells))
        print(
            f"[{number}/{len(names)}] {name}: ground truth {len(truth)}, detected "
            f"{np.count_nonzero(cells.scores >= method.confidences[0])}",
            flush=True,
        )
    return fields, limited


def classes_by_method(
    fields: list[Field], evaluation: Evaluation, class_names: tuple[str, ...]
) -> dict[str, list[Classification]]:
    """Classes of the matched cells at each operating point, by each way to tell them."""
    methods = sorted({name for field in fields for name in field.cells.by_method})
    found: dict[str, list[Classification]] = {name: [] for name in methods}
    for point in evaluation.operating_points:
        matched = [
            (field, pairs) for field, pairs in zip(fields, point.pairs, strict=True) if len(pairs)
        ]
        true_ids = [field.truth.class_ids[pairs[:, 0]] for field, pairs in matched]
        for name in methods:
            named = [field.cells.by_method[name][pairs[:, 1]] for field, pairs in matched]
            found[name].append(
                classify(class_names, np.concatenate([*true_ids, []]), np.concatenate([*named, []]))
            )
    return found


def draw_fields(
    dataset: RBCDataset,
    fields: list[Field],
    evaluator: InstanceEvaluator,
    evaluation: Evaluation,
    scored: bool,
    out: Path,
) -> list[PageField]:
    """Write the picture of each field at the lowest operating point; what the report shows of it.

    Pictures wait beside the earlier ones and replace them together.
    """
    points = evaluation.operating_points
    page_fields = []
    with tempfile.TemporaryDirectory(dir=out, prefix=".pictures-") as waiting:
        for index, (field, record) in enumerate(zip(fields, evaluator.records, strict=True)):
            image = dataset.load_image(field.image_id)
            cells = field.cells
            cells = cells.take(np.flatnonzero(cells.scores >= points[0].min_confidence))
            pairs = [point.pairs[index] for point in points]
            title = f"{field.name}, confidence {point_name(points[0])}" if scored else field.name
            comparison_picture(
                image,
                (field.truth.boxes, field.truth.crops),
                (cells.boxes, cells.crops, cells.scores),
                pairs[0],
                record.iou,
                title,
            ).save(Path(waiting) / f"{field.stem}.png")
            page_fields.append(
                PageField(
                    name=field.name,
                    image_shape=image.shape,
                    picture=picture_data(image),
                    truth=field.truth,
                    detections=cells,
                    pairs=pairs,
                    iou=[record.iou[rows, columns] for rows, columns in (p.T for p in pairs)],
                )
            )
        (out / PICTURES).mkdir(exist_ok=True)
        for path in sorted(Path(waiting).iterdir()):
            os.replace(path, out / PICTURES / path.name)
    return page_fields


def run(options: Any) -> int:
    """Evaluate; returns the exit status."""
    folder = options.dataset or DEFAULT_DATASET
    out = make_writable_folder(options.out or DEFAULT_RESULTS / "evaluate" / options.subset)
    method = choose_method(options)
    dataset = load_fields(options, method.class_names)
    evaluator = InstanceEvaluator(method.class_names, border=options.border)
    count, by = len(dataset.image_ids), method.weights or f"--method {method.name}"
    print(f"Evaluating {count} fields of {Path(folder) / options.subset} with {by}")
    fields, limited = find_cells(dataset, method, evaluator)
    confidences = list(method.confidences)
    best = evaluator.sweep().best("f1") if options.sweep else None
    if best:
        # The chosen one is an operating point of its own, with all figures.
        confidences.append(best.min_confidence)
    evaluation = evaluator.evaluate(confidences, scored=method.scored)

    context = {
        "method": method.name,
        "dataset": str(folder),
        "subset": options.subset,
        "weights": method.weights and str(method.weights),
        "max_overlap": options.max_overlap if method.scored else None,
        "outline": options.outline if method.scored else None,
        "classes": list(method.class_names),
        "score_floor": method.floor,
    }
    title = f"Evaluation of {len(fields)} fields: {options.subset} of {folder}"
    by_method = classes_by_method(fields, evaluation, method.class_names)
    if by_method:
        context["size_class"] = options.size_class
    report = format_report(evaluation, title, method.scored, by_method)
    summary = summary_of(evaluation, context, method.scored, by_method)
    page_fields = draw_fields(dataset, fields, evaluator, evaluation, method.scored, out)
    atomic_write(out / "table.md", report + "\n")
    atomic_write(out / "summary.json", summary_text(summary))
    atomic_write(out / "per_image.csv", per_image_csv(evaluation, method.scored))
    atomic_write(
        out / "per_cell.csv",
        per_cell_csv(evaluator.records, evaluation.operating_points[0], method.class_names),
    )
    atomic_write(out / "report.html", report_page(summary, page_fields))
    export(options, dataset, fields, method, evaluation, out)

    print(f"\n{report}\n")
    for line in limit_warnings(method.limits, limited) if method.limits else ():
        print(line)
    if options.sweep:
        print(sweep_line(evaluation.sweep))
        keep_threshold(options, evaluation, method)
    print(f"Report, tables and pictures: {out}")
    return 0


def export(
    options: Any,
    dataset: RBCDataset,
    fields: list[Field],
    method: Method,
    evaluation: Evaluation,
    out: Path,
) -> None:
    """Write the detections of the lowest operating point in the formats that were asked for."""
    exporter = Exporter(options, out, method.class_names, options.attribute)
    lowest = evaluation.operating_points[0].min_confidence
    for field in fields:
        path = Path(dataset.image_reference(field.image_id))
        chosen = field.cells.take(np.flatnonzero(field.cells.scores >= lowest))
        shape = field.truth.image_shape
        found = Instances(shape, chosen.boxes, chosen.crops, chosen.class_ids, chosen.scores)
        exporter.add(field.name, path, field.stem, found)
    exporter.finish(Path(options.dataset or DEFAULT_DATASET) / options.subset)


def keep_threshold(options: Any, evaluation: Evaluation, method: Method) -> None:
    """Store the best confidence beside the weights, unless it was chosen on training fields."""
    best = evaluation.sweep.best("f1")
    if best is None:
        return
    if options.subset == "train":
        print("It is not kept: it was chosen on the fields that the network learned from.")
        return
    path = store_threshold(
        method.weights,
        best.min_confidence,
        {
            "dataset": str(options.dataset or DEFAULT_DATASET),
            "subset": options.subset,
            "images": len(evaluation.operating_points[0].names),
            "figure": "f1",
            "value": round(best.value, 4),
            "border": evaluation.border,
            "max_overlap": options.max_overlap,
        },
    )
    print(f"Kept for --min-conf auto: {path}")
