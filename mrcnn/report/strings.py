"""The texts of reports in other languages, by the English ones.

Names in braces stay as they are; see `mrcnn.report.words.Words`. A test holds that each text that a
report may say is here, and nothing else.
"""

INDONESIAN: dict[str, str] = {}
