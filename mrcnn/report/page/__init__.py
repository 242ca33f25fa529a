"""The report page of an evaluation: one HTML file with everything inside."""

from mrcnn.report.page.assembly import report_page
from mrcnn.report.page.gallery import PageField, picture_data

__all__ = ["PageField", "picture_data", "report_page"]
