"""Annotations and instances as files that other programs write and open.

`read_annotations` reads files of any format, and `annotation_files` finds those of a folder. VIA
and COCO JSON hold several images in a file, the others one. The same input gives the same bytes.
"""

from mrcnn.formats.annotations import AnnotatedImage, locate_image
from mrcnn.formats.box_tables import write_box_table
from mrcnn.formats.coco import coco_dataset, read_coco, write_coco
from mrcnn.formats.cvat import write_cvat
from mrcnn.formats.finding import annotation_files, annotations_of_subset
from mrcnn.formats.geojson import feature_collection, write_geojson
from mrcnn.formats.imagej import imagej_rois, write_imagej
from mrcnn.formats.label_images import write_label_image
from mrcnn.formats.labelme import write_labelme
from mrcnn.formats.outline_checks import check_outlines
from mrcnn.formats.reading import read_annotations
from mrcnn.formats.via import read_via
from mrcnn.formats.via_csv import write_via_csv
from mrcnn.formats.via_project import via_project, write_via
from mrcnn.formats.voc import write_voc
from mrcnn.formats.yolo import find_yolo, images_of_labels, is_yolo, read_yolo

__all__ = [
    "AnnotatedImage",
    "annotation_files",
    "annotations_of_subset",
    "check_outlines",
    "coco_dataset",
    "feature_collection",
    "find_yolo",
    "imagej_rois",
    "images_of_labels",
    "is_yolo",
    "locate_image",
    "read_annotations",
    "read_coco",
    "read_via",
    "read_yolo",
    "via_project",
    "write_box_table",
    "write_coco",
    "write_cvat",
    "write_geojson",
    "write_imagej",
    "write_label_image",
    "write_labelme",
    "write_via",
    "write_via_csv",
    "write_voc",
]
