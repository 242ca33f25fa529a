"""Tables as the text of CSV files."""

import csv
import io
from collections.abc import Sequence


def csv_text(rows: Sequence[Sequence]) -> str:
    """Rows of values, the head first, as the text of a CSV file."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
