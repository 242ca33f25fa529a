"""Instances as files that other programs open: VIA, COCO JSON, QuPath (GeoJSON) and ImageJ.

Takes plain arrays, wrapped as `ExportedImage`. VIA and COCO JSON hold several images in a file,
GeoJSON and ImageJ's ROI sets one. The same input gives the same bytes.
"""

from mrcnn.formats.coco import coco_dataset, write_coco
from mrcnn.formats.exported_image import ExportedImage
from mrcnn.formats.geojson import feature_collection, write_geojson
from mrcnn.formats.imagej import imagej_rois, write_imagej
from mrcnn.formats.via import via_project, write_via
from mrcnn.instances.outlines import TARGET_IOU, outline_parts, outline_polygon

__all__ = [
    "TARGET_IOU",
    "ExportedImage",
    "coco_dataset",
    "feature_collection",
    "imagej_rois",
    "outline_parts",
    "outline_polygon",
    "via_project",
    "write_coco",
    "write_geojson",
    "write_imagej",
    "write_via",
]
