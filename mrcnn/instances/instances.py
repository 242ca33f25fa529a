"""`Instances`: what is found or annotated in one image, for every room of the package."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.errors import DataError
from mrcnn.instances import run_length
from mrcnn.instances.geometry import compute_overlaps, extract_bboxes, tight_box
from mrcnn.instances.overlap import (
    drop_duplicates,
    intersection_over_union,
    mask_intersections,
    split_unions,
    touches_border,
)
from mrcnn.instances.polygons import rasterize_polygons
from mrcnn.instances.rows import Rows, shape_of

if TYPE_CHECKING:
    from mrcnn.instances.outlines import Part


class Instances(Rows):
    """The objects of one image: boxes, masks, classes and scores, found or annotated.

    `Rows` has its attributes, and what takes, merges and changes rows.
    """

    # --- From other forms --------------------------------------------------------------------

    @classmethod
    def empty(cls, image_shape: Sequence[int]) -> "Instances":
        """No instances in an image of (height, width, ...)."""
        return cls.trusted(image_shape, [], (), [])

    @classmethod
    def from_crops(
        cls,
        image_shape: Sequence[int],
        boxes: Iterable[Sequence[int]],
        crops: Iterable[np.ndarray],
        class_ids: Iterable[int],
    ) -> "Instances":
        """From masks whose boxes may be too large; instances without any pixel are dropped.

        Args:
            image_shape: (height, width, ...).
            boxes: [N, 4] pixel boxes inside the image.
            crops: [h, w] masks of the boxes' sizes.
            class_ids: [N].
        """
        tight_boxes, tight_crops, kept_ids = [], [], []
        for (top, left, *_), crop, class_id in zip(boxes, crops, class_ids, strict=True):
            box = tight_box(crop)
            if box is None:
                continue
            y1, x1, y2, x2 = box
            tight_boxes.append((top + y1, left + x1, top + y2, left + x2))
            tight_crops.append(crop[y1:y2, x1:x2])
            kept_ids.append(class_id)
        return cls.trusted(image_shape, tight_boxes, tight_crops, kept_ids)

    @classmethod
    def from_masks(
        cls, masks: np.ndarray, class_ids: ArrayLike, scores: ArrayLike | None = None
    ) -> "Instances":
        """From a stack of whole masks; one without a pixel keeps its row, see `tight`.

        Args:
            masks: [H, W, N], non-zero inside the instances.
            class_ids, scores: [N].

        Raises:
            DataError: see the class; or the stack has another shape.
        """
        masks = np.asarray(masks)
        if masks.ndim != 3:
            raise DataError(f"Masks have the shape {masks.shape}: expected [height, width, N].")
        boxes = extract_bboxes(masks)
        crops = [masks[y1:y2, x1:x2, n] != 0 for n, (y1, x1, y2, x2) in enumerate(boxes)]
        return cls(masks.shape[:2], boxes, crops, class_ids, scores)

    @classmethod
    def from_polygons(
        cls,
        polygons: Sequence[np.ndarray],
        class_ids: ArrayLike,
        image_shape: Sequence[int],
        window: Sequence[int] | None = None,
    ) -> "Instances":
        """From polygons, each filled only inside its own box.

        Args:
            polygons: N arrays float [K, 2] of (y, x) in pixels. Pixel (r, c) belongs when the
                point (r, c) is inside or on the edge. What lies outside the image is cut off;
                polygons that hold no pixel are dropped.
            class_ids: [N].
            image_shape: (height, width, ...).
            window: (y1, x1, y2, x2) pixels that may be filled; the whole image by default.
        """
        shape = shape_of(image_shape)
        boxes, crops, indices = rasterize_polygons(polygons, window or (0, 0, *shape))
        ids = np.asarray(class_ids, np.int32).reshape(-1)
        return cls.trusted(shape, boxes, crops, ids[indices])

    @classmethod
    def from_boxes(
        cls,
        image_shape: Sequence[int],
        boxes: ArrayLike,
        class_ids: ArrayLike,
        scores: ArrayLike | None = None,
    ) -> "Instances":
        """Rows that have no mask. A point is a box without area, (y, x, y, x).

        Raises:
            DataError: see the class.
        """
        return cls(image_shape, boxes, [None] * len(np.asarray(class_ids)), class_ids, scores)

    @classmethod
    def from_run_lengths(
        cls,
        codes: Sequence[Mapping[str, Any]],
        class_ids: ArrayLike,
        image_shape: Sequence[int],
        scores: ArrayLike | None = None,
    ) -> "Instances":
        """From what `run_lengths` gives; the boxes are tight.

        Raises:
            DataError: see the class; or a code is damaged or of an image of another size.
        """
        shape = shape_of(image_shape)
        pairs = [run_length.decode(run_length.decompress(code["counts"]), shape) for code in codes]
        boxes, crops = [box for box, _ in pairs], [crop for _, crop in pairs]
        return cls(shape, boxes, crops, class_ids, scores)

    @classmethod
    def from_detection(cls, result: Mapping[str, Any], image_shape: Sequence[int]) -> "Instances":
        """From what `MaskRCNN.detect` returns for an image, in each form of its masks.

        Args:
            result: `rois`, `class_ids`, `scores` and `masks`.
            image_shape: (height, width, ...) of the image.

        Raises:
            DataError: see the class; or the masks are of an image of another size.
        """
        masks, shape = result["masks"], shape_of(image_shape)
        if isinstance(masks, np.ndarray) and masks.ndim == 3:
            if masks.shape[:2] != shape:
                raise DataError(
                    f"Masks of {masks.shape[0]} x {masks.shape[1]} pixels for an image of "
                    f"{shape[0]} x {shape[1]}: both must have one size."
                )
            return cls.from_masks(masks, result["class_ids"], result["scores"])
        if len(masks) and isinstance(masks[0], Mapping):
            return cls.from_run_lengths(masks, result["class_ids"], shape, result["scores"])
        return cls(shape, result["rois"], masks, result["class_ids"], result["scores"])

    # --- Others made of these ----------------------------------------------------------------

    def moved(self, dy: int, dx: int, image_shape: Sequence[int]) -> "Instances":
        """The instances in another image, moved by whole pixels and cut off at its border.

        Instances of which nothing is left are dropped.

        Args:
            dy, dx: in pixels, added to the places.
            image_shape: (height, width, ...) of the other image.
        """
        shape = shape_of(image_shape)
        boxes = self.boxes.astype(np.int64) + np.array([dy, dx, dy, dx])
        inside = np.clip(boxes, 0, np.array([*shape, *shape]))
        # A box without area is a point, which may lie on the border.
        kept = (boxes[:, :2] <= inside[:, 2:]).all(axis=1) & (boxes[:, 2:] >= inside[:, :2]).all(
            axis=1
        )
        kept &= (inside[:, 2:] > inside[:, :2]).all(axis=1) | (boxes == inside).all(axis=1)
        crops = []
        for row in np.flatnonzero(kept):
            crop = self.crops[row]
            if crop is not None:
                y1, x1, y2, x2 = inside[row] - np.tile(boxes[row, :2], 2)
                crop = crop[y1:y2, x1:x2]
            crops.append(crop)
        rest = self.take(kept)
        moved = Instances.trusted(
            shape,
            inside[kept],
            crops,
            rest.class_ids,
            rest.scores,
            ignore=rest.ignore,
            columns=rest.columns,
        )
        cut = (boxes != inside).any(axis=1)[kept]
        return moved if not cut.any() else moved.tight()

    def tight(self) -> "Instances":
        """With boxes that end where the masks do; masks without a pixel are dropped."""
        boxes, crops, rows = [], [], []
        for row, (box, crop) in enumerate(zip(self.boxes, self.crops, strict=True)):
            inside = (0, 0, *(box[2:] - box[:2])) if crop is None else tight_box(crop)
            if inside is None:
                continue
            y1, x1, y2, x2 = inside
            boxes.append((box[0] + y1, box[1] + x1, box[0] + y2, box[1] + x2))
            crops.append(None if crop is None else crop[y1:y2, x1:x2])
            rows.append(row)
        rest = self.take(np.array(rows, np.int64))
        return Instances.trusted(
            self.image_shape,
            boxes,
            crops,
            rest.class_ids,
            rest.scores,
            ignore=rest.ignore,
            columns=rest.columns,
        )

    def without_duplicates(self, max_overlap: float) -> "Instances":
        """By falling score, without those that cover the same object as a better one.

        Args:
            max_overlap: mask IoU, 0 to 1, above which two are one object whatever their classes;
                1 keeps all.

        Raises:
            DataError: there are no scores, or a row has no mask.
        """
        if self.scores is None:
            raise DataError("Only instances with scores have duplicates: none is the better one.")
        self._require_masks("compared with one another")
        return self.take(drop_duplicates(self.boxes, list(self.crops), self.scores, max_overlap))

    def without_unions(self) -> "Instances":
        """Without those which several others of their class make up, which take their scores.

        See `overlap.split_unions`.

        Raises:
            DataError: there are no scores, or a row has no mask.
        """
        if self.scores is None:
            raise DataError("Only instances with scores can be unions of others as sure as they.")
        self._require_masks("compared with one another")
        kept, scores = split_unions(self.boxes, list(self.crops), self.class_ids, self.scores)
        return self.replaced(scores=scores.astype(self.scores.dtype)).take(kept)

    # --- What they are -----------------------------------------------------------------------

    def touches_border(self) -> np.ndarray:
        """Which have a pixel in the first or last row or column of the image, bool [N]."""
        return touches_border(self.boxes, self.filled_crops(), self.image_shape)

    def intersections(self, other: "Instances") -> np.ndarray:
        """Pixels that each shares with each of another set in the same image, int64 [N, M].

        A row without a mask counts as its whole box.
        """
        return mask_intersections(
            self.boxes, self.filled_crops(), other.boxes, other.filled_crops()
        )

    def overlap(self, other: "Instances") -> np.ndarray:
        """IoU float64 [N, M] of each with each of another set in the same image.

        Of the masks; where one of the two has none, of the boxes.
        """
        iou = intersection_over_union(self.intersections(other), self.areas(), other.areas())
        boxes_alone = ~np.logical_and.outer(self.has_mask(), other.has_mask())
        if boxes_alone.any():
            of_boxes = compute_overlaps(self.boxes.astype(float), other.boxes.astype(float))
            iou = np.where(boxes_alone, of_boxes, iou)
        return iou

    def full_masks(self) -> np.ndarray:
        """All masks in the size of the image, bool [H, W, N]. Large: for callers that need it.

        Raises:
            DataError: a row has no mask.
        """
        self._require_masks("laid into whole images")
        masks = np.zeros((*self.image_shape, len(self)), bool)
        for number, ((y1, x1, y2, x2), crop) in enumerate(zip(self.boxes, self.crops, strict=True)):
            masks[y1:y2, x1:x2, number] = crop
        return masks

    def label_image(self, order: Sequence[int] | None = None) -> np.ndarray:
        """One image of all instances: 0 background, then 1..N.

        Args:
            order: indices of the instances, the most important first: `order[0]` becomes label 1
                and keeps its pixels where instances overlap. By default the order they have.

        Returns:
            uint16 [H, W], or int32 where there are more than 65535 instances.

        Raises:
            DataError: a row has no mask.
        """
        self._require_masks("drawn into a label image")
        rows = np.arange(len(self)) if order is None else np.asarray(order)
        labels = np.zeros(self.image_shape, np.uint16 if len(rows) < 2**16 else np.int32)
        for label, number in reversed(list(enumerate(rows, start=1))):
            y1, x1, y2, x2 = self.boxes[number]
            labels[y1:y2, x1:x2][self.crops[number]] = label
        return labels

    def run_lengths(self) -> list[dict[str, Any]]:
        """Masks as COCO has them in JSON: `size` [H, W] and `counts`, compressed run lengths.

        Raises:
            DataError: a row has no mask.
        """
        self._require_masks("written as run lengths")
        return [
            {
                "size": list(self.image_shape),
                "counts": run_length.compress(run_length.encode(box, crop, self.image_shape)),
            }
            for box, crop in zip(self.boxes, self.crops, strict=True)
        ]

    def outlines(self) -> "list[list[Part]]":
        """The parts of each mask as rings of (y, x) pixels: `mrcnn.instances.outlines`.

        Raises:
            DataError: a row has no mask, or one without a pixel.
        """
        self._require_masks("outlined")
        # What finds them is slow to import, and few need it.
        from mrcnn.instances.outlines import outlines_of

        return outlines_of(list(self.crops), self.boxes[:, :2])

    def filled_crops(self) -> list[np.ndarray]:
        """The masks, bool of their boxes' sizes; of a row without one its whole box."""
        return [
            np.ones(np.maximum(box[2:] - box[:2], 0), bool) if crop is None else crop
            for box, crop in zip(self.boxes, self.crops, strict=True)
        ]

    def _require_masks(self, what: str) -> None:
        missing = np.flatnonzero(~self.has_mask())
        if missing.size:
            raise DataError(
                f"Instance {missing[0]} is a box without a mask and cannot be {what}: take those "
                "that `has_mask()`."
            )
