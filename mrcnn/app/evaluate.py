"""`evaluate`: detections against annotated objects, from one pass over the images."""

import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.commands import EVALUATE
from mrcnn.app.engine.choice import engine_of, find_all
from mrcnn.app.engine.dask_engine import DaskEngine
from mrcnn.app.evaluation_pictures import EvaluatedImage, at_least, draw_images
from mrcnn.app.export import Exporter
from mrcnn.app.finding import limit_warnings
from mrcnn.app.methods import Method, choose_method
from mrcnn.app.names import shown_path, unique_names
from mrcnn.app.precision import choose_precision
from mrcnn.app.quality import column, judge, warning
from mrcnn.app.threshold import own_folder, store_threshold
from mrcnn.app.told import by_class, compared
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.data.failed_images import needed
from mrcnn.errors import DataError, LimitWarning
from mrcnn.evaluation import (
    Classification,
    Evaluation,
    InstanceEvaluator,
    Sweep,
    classify,
    without_ignored,
)
from mrcnn.files import atomic_write, make_writable_folder, together
from mrcnn.inference.processors import at_once
from mrcnn.inference.quality import LIMIT
from mrcnn.report.evaluation_files import (
    per_image_csv,
    per_object_csv,
    summary_of,
    summary_text,
)
from mrcnn.report.evaluation_tables import sweep_line
from mrcnn.report.languages import in_language
from mrcnn.report.markdown import format_report, format_short
from mrcnn.report.page import report_page
from mrcnn.report.table_text import marked

# How a worker makes its own model.
_CHOOSE = "mrcnn.app.methods:choose_method"
# Columns with the class ids by one way to tell them begin with this.
CLASS_COLUMN = "class_id_"


def load_images(
    application: Application, options: Any, class_names: tuple[str, ...]
) -> AnnotatedDataset:
    """The annotated images.

    Raises:
        DataError: they cannot be read, or no object is annotated.
    """
    folder = options.dataset or application.default_dataset
    dataset = application.new_dataset()
    dataset.load(folder, options.subset, class_names, attribute=options.attribute)
    dataset.prepare()
    if not any(info["polygons"] for info in dataset.image_info):
        raise DataError(
            f"{Path(folder) / options.subset}: no {application.words.object} is annotated, nothing "
            "to compare with."
        )
    return dataset


def find_objects(
    application: Application,
    options: Any,
    dataset: AnnotatedDataset,
    method: Method,
    evaluator: InstanceEvaluator,
    engine: DaskEngine | None = None,
) -> tuple[list[EvaluatedImage], list[str]]:
    """Detect in every image and hand the objects to the evaluator.

    Returns:
        the images, and the names of those where the limit of detections may have cost some.
    """
    files = [dataset.image_info[image_id]["id"] for image_id in dataset.image_ids]
    names = [shown_path(file) for file in files]
    images, limited = [], []
    others: Counter[int] = Counter()
    lowest = method.confidences[0]
    # What a limit costs is said at the end, of all images.
    warnings.simplefilter("ignore", LimitWarning)
    pixels = (needed(dataset, "load_image", image_id) for image_id in dataset.image_ids)
    each = find_all(engine, method, pixels)
    for number, (image_id, name, stem, found) in enumerate(
        zip(dataset.image_ids, names, unique_names(files), each, strict=True), start=1
    ):
        instances = compared(found.instances, method.class_names)
        likely = at_least(found.instances, lowest).class_ids
        others.update(likely[likely > len(method.class_names)])
        truth, counted = without_ignored(needed(dataset, "load_instances", image_id), instances)
        evaluator.add_truth(name, truth)
        evaluator.process(name, counted)
        # Boxes are drawn as they are compared.
        drawn = truth.replaced(crops=truth.filled_crops())
        image = EvaluatedImage(image_id, name, stem, drawn, counted)
        # Of a full list the weakest are missing; it matters when they would have counted.
        is_limited = found.limit_reached and image.scores.min(initial=1.0) >= lowest
        if is_limited:
            limited.append(name)
        told = tuple(reason for reason in found.quality if reason != LIMIT or is_limited)
        doubts = judge(
            application,
            needed(dataset, "load_image", image_id),
            replace(found, instances=at_least(found.instances, lowest), quality=told),
            options,
            class_names=method.class_names,
        )
        images.append(replace(image, quality=column(doubts)))
        print(
            f"[{number}/{len(names)}] {name}: ground truth {len(truth)}, detected "
            f"{np.count_nonzero(image.scores >= lowest)}",
            flush=True,
        )
        if doubts:
            print(f"  {warning(name, doubts)}", flush=True)
    if others:
        told = getattr(method.finder, "told_names", ())
        line = by_class({told[class_id - 1]: count for class_id, count in sorted(others.items())})
        print(f"Not compared, since no {application.words.object} has these classes: {line}")
    return images, limited


def classes_by_method(
    images: list[EvaluatedImage], evaluation: Evaluation, class_names: tuple[str, ...]
) -> dict[str, list[Classification]]:
    """Classes of the matched objects at each operating point, by each way to tell them."""
    columns = sorted(
        {name for image in images for name in image.found.columns if name.startswith(CLASS_COLUMN)}
    )
    by_method: dict[str, list[Classification]] = {}
    for name in columns:
        classifications = by_method[name.removeprefix(CLASS_COLUMN)] = []
        for point in evaluation.operating_points:
            matched = [
                (image, pairs)
                for image, pairs in zip(images, point.pairs, strict=True)
                if len(pairs)
            ]
            true_ids = [image.truth.class_ids[pairs[:, 0]] for image, pairs in matched]
            named = [image.found.columns[name][pairs[:, 1]] for image, pairs in matched]
            classifications.append(
                classify(class_names, np.concatenate([*true_ids, []]), np.concatenate([*named, []]))
            )
    return by_method


def context_of(
    application: Application, options: Any, method: Method, has_ways: bool
) -> dict[str, Any]:
    """What was evaluated, for the summary.

    Args:
        application: declares the options that the summary has.
        options: of the command line.
        method: what found the objects.
        has_ways: whether there are several ways to tell classes.
    """

    def reported(when: str) -> dict[str, Any]:
        declared = application.options(EVALUATE)
        return {
            each.name: getattr(options, each.name) for each in declared if each.reported == when
        }

    of_detections = {"max_overlap": options.max_overlap, **reported("detections")}
    return {
        "method": method.name,
        "dataset": str(options.dataset or application.default_dataset),
        "subset": options.subset,
        "weights": method.weights and str(method.weights),
        **(of_detections if method.scored else dict.fromkeys(of_detections)),
        "classes": list(method.class_names),
        "score_floor": method.floor,
        **(reported("classes") if has_ways else {}),
    }


def run(application: Application, options: Any) -> int:
    """Evaluate; returns the exit status."""
    words = application.words
    folder = options.dataset or application.default_dataset
    choose_precision(options)
    out = make_writable_folder(options.out or application.results(EVALUATE) / options.subset)
    method = choose_method(application, options, 1 if options.engine else at_once())
    dataset = load_images(application, options, method.class_names)
    evaluator = InstanceEvaluator(method.class_names, border=options.border)
    count, by = len(dataset.image_ids), method.weights or f"--method {method.name}"
    print(f"Evaluating {count} {words.images} of {Path(folder) / options.subset} with {by}")
    with engine_of(application, options, method, _CHOOSE) as engine:
        images, limited = find_objects(application, options, dataset, method, evaluator, engine)
    confidences = list(method.confidences)
    best = evaluator.sweep().best("f1") if options.sweep else None
    if best:
        # The chosen one is an operating point of its own, with all figures.
        confidences.append(best.min_confidence)
    evaluation = evaluator.evaluate(confidences, scored=method.scored)

    by_method = classes_by_method(images, evaluation, method.class_names)
    title = f"Evaluation of {len(images)} {words.images}: {options.subset} of {folder}"
    report = format_report(evaluation, title, method.scored, by_method, words)
    context = context_of(application, options, method, bool(by_method))
    summary = summary_of(evaluation, context, application.schema, method.scored, by_method, words)
    with together(out) as waiting:
        page_images = draw_images(
            dataset, images, evaluator.records, evaluation, method.scored, waiting
        )
        atomic_write(waiting / "table.md", report + "\n")
        atomic_write(waiting / "summary.json", summary_text(summary))
        quality = {image.name: image.quality for image in images}
        atomic_write(
            waiting / "per_image.csv", marked(per_image_csv(evaluation, method.scored, quality))
        )
        atomic_write(
            waiting / f"per_{words.object}.csv",
            marked(
                per_object_csv(
                    evaluator.records, evaluation.operating_points[0], method.class_names
                )
            ),
        )
        atomic_write(
            waiting / "report.html",
            report_page(summary, page_images, in_language(words, options.language)),
        )
        export(application, options, dataset, images, method, evaluation, waiting)

    print(f"\n{format_short(evaluation, title, method.scored, words)}\n")
    for line in limit_warnings(method.limits, limited, words) if method.limits else ():
        print(line)
    if options.sweep and evaluation.sweep is not None:
        print(sweep_line(evaluation.sweep))
        keep_threshold(application, options, evaluation, evaluation.sweep, method)
    print(f"Report, tables and pictures: {out}; all figures as text: {out / 'table.md'}")
    return 0


def export(
    application: Application,
    options: Any,
    dataset: AnnotatedDataset,
    images: list[EvaluatedImage],
    method: Method,
    evaluation: Evaluation,
    out: Path,
) -> None:
    """Write the detections of the lowest operating point in the formats that were asked for."""
    exporter = Exporter(options, out, method.class_names, options.attribute)
    lowest = evaluation.operating_points[0].min_confidence
    for image in images:
        path = Path(dataset.image_reference(image.image_id))
        exporter.add(image.name, path, image.stem, image.at(lowest))
    folder = Path(options.dataset or application.default_dataset) / options.subset
    exporter.finish(dataset.image_folder(folder))


def keep_threshold(
    application: Application, options: Any, evaluation: Evaluation, sweep: Sweep, method: Method
) -> None:
    """Keep the best confidence beside the weights, unless the network learned from the images."""
    best = sweep.best("f1")
    if best is None or method.weights is None:
        return
    if options.subset == "train":
        images = application.words.images
        print(f"It is not kept: it was chosen on the {images} that the network learned from.")
        return
    path = store_threshold(
        method.weights,
        best.min_confidence,
        {
            "dataset": str(options.dataset or application.default_dataset),
            "subset": options.subset,
            "images": len(evaluation.operating_points[0].names),
            "figure": "f1",
            "value": round(best.value, 4),
            "border": evaluation.border,
            "max_overlap": options.max_overlap,
        },
        own_folder(application, method.weights),
    )
    print(f"Kept for --min-conf auto: {path}")
