"""The images of a project, their classes, and where their masks come from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mrcnn.errors import DataError
from mrcnn.instances import Instances

# Of a round object the box is still the right one when it is cut in two halves.
LEAST_SEEN = 0.5


class Dataset:
    """Base of all datasets. Use it in three steps.

    1. Subclass it, with a method that calls `add_class` and `add_image`.
    2. Say what is on the images: override `load_polygons` where the annotations are polygons (the
       quick way), else `load_mask`; and `load_boxes` for objects of which no more is known, and for
       regions to ignore.
    3. Call `prepare` when everything is added.

    A dataset may unite several sources, each with its own numbering of classes and images.

    Attributes:
        image_info: one dictionary an image with "id", "source", "path" and what was added.
        class_info: one dictionary a class with "source", "id" and "name"; class 0 is background.
        num_classes, class_ids, class_names, num_images, image_ids, sources: after `prepare`.
        source_class_ids: after `prepare`, source -> ids of the classes that it annotates.
        shares: source -> share of the images that training draws, summing to 1; {} draws all images
            equally often.
        class_from_source_map, image_from_source_map: after `prepare`, "source.id" -> id here.
    """

    def __init__(self, class_map: Any = None) -> None:
        """`class_map` is accepted for compatibility and not used."""
        self._image_ids: np.ndarray | list[int] = []
        self.image_info: list[dict[str, Any]] = []
        self.class_info: list[dict[str, Any]] = [{"source": "", "id": 0, "name": "BG"}]
        self.source_class_ids: dict[str, list[int]] = {}
        self.shares: Mapping[str, float] = {}

    def add_class(self, source: str, class_id: int | str, class_name: str) -> None:
        """Add a class of a source; a class that is there already is not added again.

        Args:
            source: name of the source, without a dot.
            class_id: the source's own id of the class.
            class_name: name for people.
        """
        if "." in source:
            raise DataError(f"The source name {source!r} contains a dot: choose one without.")
        if not any(
            known["source"] == source and known["id"] == class_id for known in self.class_info
        ):
            self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source: str, image_id: int | str, path: Any, **kwargs: Any) -> None:
        """Add an image.

        Args:
            source: name of its source.
            image_id: the source's own id of the image.
            path: the image file; None where `load_image` is overridden.
            kwargs: anything else to keep in `image_info`.
        """
        self.image_info.append({"id": image_id, "source": source, "path": path, **kwargs})

    def image_reference(self, image_id: int) -> str:
        """A link or text by which a person finds the image; override it for your source."""
        return ""

    def prepare(self, class_map: Any = None) -> None:
        """Number classes and images. Call it after the last class and image are added."""
        self.num_classes = len(self.class_info)
        self.class_ids = np.arange(self.num_classes)
        self.class_names = [info["name"].split(",")[0] for info in self.class_info]
        self.num_images = len(self.image_info)
        self._image_ids = np.arange(self.num_images)
        self.class_from_source_map = {
            f"{info['source']}.{info['id']}": number for number, info in enumerate(self.class_info)
        }
        self.image_from_source_map = {
            f"{info['source']}.{info['id']}": number for number, info in enumerate(self.image_info)
        }
        self.sources = sorted({info["source"] for info in self.class_info})
        # Background belongs to every source.
        self.source_class_ids = {
            source: [
                number
                for number, info in enumerate(self.class_info)
                if number == 0 or info["source"] == source
            ]
            for source in self.sources
        }

    def images_of(self, source: str) -> np.ndarray:
        """The images of a source, by their numbers."""
        return np.array(
            [n for n in self.image_ids if self.image_info[n]["source"] == source], np.int64
        )

    def map_source_class_id(self, source_class_id: str) -> int:
        """Class id here of a "source.id" string."""
        return self.class_from_source_map[source_class_id]

    def get_source_class_id(self, class_id: int, source: str) -> int | str:
        """The source's own id of a class.

        Raises:
            DataError: the class belongs to another source.
        """
        info = self.class_info[class_id]
        if info["source"] != source:
            raise DataError(
                f"Class {class_id} ({info['name']}) comes from the source {info['source']!r}, "
                f"not from {source!r}."
            )
        return info["id"]

    @property
    def image_ids(self) -> np.ndarray | list[int]:
        """0, 1, ..., one for each image; empty before `prepare`."""
        return self._image_ids

    def source_image_link(self, image_id: int) -> str:
        """Path or address of the image."""
        return self.image_info[image_id]["path"]

    def active_class_ids(self, image_id: int) -> np.ndarray:
        """Which classes the image's source annotates: int32 [num_classes] of 0 and 1.

        Raises:
            DataError: no class was added for the source of the image.
        """
        source = self.image_info[image_id]["source"]
        if source not in self.source_class_ids:
            raise DataError(
                f"Image {image_id} has the source {source!r}, for which no class was added: call "
                f"add_class({source!r}, ...) before prepare()."
            )
        active = np.zeros(self.num_classes, np.int32)
        active[self.source_class_ids[source]] = 1
        return active

    def load_image(self, image_id: int) -> np.ndarray:
        """The image as uint8 [H, W, 3] RGB.

        Raises:
            DataError: the file cannot be read.
        """
        # Image libraries take a while to import, which a program that only starts should not wait.
        from mrcnn.pictures import read_image

        return read_image(self.image_info[image_id]["path"])

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        """The instances of an image as a stack of whole masks.

        Override it where the annotations are masks. The masks of polygons are made from them.

        Returns:
            bool [H, W, N] and class ids int32 [N]. A dataset that says nothing of masks has none:
            [0, 0, 0] and [0].
        """
        if self.load_polygons(image_id) is None:
            return np.empty((0, 0, 0), bool), np.empty(0, np.int32)
        instances = self.load_instances(image_id)
        return instances.full_masks(), instances.class_ids

    def load_polygons(self, image_id: int) -> tuple[list[np.ndarray], np.ndarray] | None:
        """The instances of an image as polygons, where the annotations are polygons.

        Returns:
            polygons, each float64 [K, 2] of (y, x) in pixels, and class ids int32 [N]; or None,
            when only `load_mask` knows the instances.
        """
        return None

    def load_boxes(self, image_id: int) -> tuple[np.ndarray, np.ndarray] | None:
        """What is known of an image besides its polygons or masks: boxes.

        An object that is a box alone teaches the network to find it and to name it, and leaves the
        masks alone. A region to ignore is where objects are not annotated, or where nobody can
        tell: what lies in it by half of its own box is neither an object nor background. (A crowd,
        a negative id of `load_mask`, counts as in the original: whatever touches it is no
        background.)

        Returns:
            float64 [N, 4] of (y1, x1, y2, x2) in pixels, y2 and x2 excluded, inside the image; and
            class ids int32 [N], negative for regions to ignore. Or None, when there are no boxes.
        """
        return None

    def image_shape(self, image_id: int) -> Sequence[int]:
        """(height, width) of an image: noted as "height" and "width", or read from the image."""
        info = self.image_info[image_id]
        if info.get("height") and info.get("width"):
            return int(info["height"]), int(info["width"])
        return self.load_image(image_id).shape[:2]

    def image_scale(self, image_id: int) -> float | None:
        """Pixels of the network for each pixel of an image, where that is its own.

        Override it where objects are of other sizes in some images than in others. It goes with
        IMAGE_RESIZE_MODE "crop"; None brings the image to size as the configuration says.
        """
        return None

    def load_instances(self, image_id: int) -> Instances:
        """The instances of an image: polygons, else `load_mask`, then those of `load_boxes`."""
        instances = self._with_masks(image_id)
        boxes = self.load_boxes(image_id)
        if boxes is None or not len(boxes[1]):
            return instances
        return Instances.merged([instances, instances_of_boxes(*boxes, instances.image_shape)])

    def class_ids_of(self, image_id: int) -> np.ndarray:
        """The classes of the objects of an image, int32 [N]; negative for regions to ignore.

        Where polygons or boxes tell them, no mask is made.
        """
        annotation, boxes = self.load_polygons(image_id), self.load_boxes(image_id)
        ids = self.load_mask(image_id)[1] if annotation is None else annotation[1]
        parts = [ids] if boxes is None else [ids, boxes[1]]
        return np.concatenate([np.asarray(part, np.int32).reshape(-1) for part in parts])

    def _with_masks(self, image_id: int) -> Instances:
        annotation = self.load_polygons(image_id)
        if annotation is not None:
            polygons, class_ids = annotation
            return Instances.from_polygons(polygons, class_ids, self.image_shape(image_id))
        masks, class_ids = self.load_mask(image_id)
        if masks.shape[-1] == 0:
            return Instances.empty(self.image_shape(image_id))
        return Instances.from_masks(masks, class_ids).tight()


def instances_of_boxes(
    boxes: np.ndarray, class_ids: np.ndarray, image_shape: Sequence[int]
) -> Instances:
    """Boxes as `Dataset.load_boxes` gives them, in whole pixels and cut off at the image's border.

    An object of which less than half of the box is left is ignored: where the rest of it ends is
    not known. Boxes of which nothing is left are dropped.

    Args:
        boxes: float [N, 4].
        class_ids: int [N], negative for regions to ignore.
        image_shape: (height, width, ...).
    """
    boxes, ids = np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(class_ids, np.int32)
    limits = np.array([*image_shape[:2], *image_shape[:2]], np.float64)
    seen = np.clip(boxes, 0, limits)
    areas, seen_areas = (
        (each[:, 2:] - each[:, :2]).clip(min=0).prod(axis=1) for each in (boxes, seen)
    )
    ignore = (ids < 0) | (seen_areas < LEAST_SEEN * areas)
    pixels = np.rint(seen).astype(np.int64)
    kept = (pixels[:, 2:] > pixels[:, :2]).all(axis=1)
    count = int(np.count_nonzero(kept))
    return Instances.trusted(
        image_shape, pixels[kept], [None] * count, ids[kept], ignore=ignore[kept]
    )
