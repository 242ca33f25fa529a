"""The report of a run of `detect`: one HTML file with everything inside."""

from mrcnn.report.page.detected.picture import DetectedPicture, detected_picture
from mrcnn.report.page.detected.report import detection_page
from mrcnn.report.page.detected.run import Card, DetectionRun

__all__ = ["Card", "DetectedPicture", "DetectionRun", "detected_picture", "detection_page"]
