"""The report page of an evaluation: one HTML file with everything inside."""

from rbc_page.assembly import report_page
from rbc_page.gallery import PageField, picture_data

__all__ = ["PageField", "picture_data", "report_page"]
