"""What the hooks of the documentation make of sources, notebooks and links."""

import base64
import json
import logging
from types import SimpleNamespace

import pytest

from tests.test_docs import ROOT, configuration, outside

SOURCE = '''
class Other:
    SIZE = 1


class Cells(Config):
    """Text.

    # --- No title ---
    """

    ALONE = 1

    # --- First things ---
    # Lies above,
    # in two lines.
    ABOVE: int | None = None
    BEHIND = "µm"  # Lies behind: `a | b`.
    # Of the first only.
    LEFT = RIGHT = 2
    lower = 3
    # Far above.

    FAR = [
        1,
    ]  # After the last line.

    def method(self):
        LOCAL = 4
'''


def settings(source: str, name: str) -> list[tuple[str, str, str, str]]:
    found = configuration.settings_of(source, name)
    return [(item.name, item.value, item.meaning, item.group) for item in found]


def test_settings_are_read_with_values_comments_and_titles():
    assert settings(SOURCE, "Cells") == [
        ("ALONE", "1", "", ""),
        ("ABOVE", "None", "Lies above, in two lines.", "First things"),
        ("BEHIND", '"µm"', "Lies behind: `a | b`.", "First things"),
        ("LEFT", "2", "Of the first only.", "First things"),
        ("RIGHT", "2", "Of the first only.", "First things"),
        ("FAR", "[\n        1,\n    ]", "After the last line.", "First things"),
    ]
    assert settings(SOURCE, "Other") == [("SIZE", "1", "", "")]


@pytest.mark.parametrize(
    ("source", "problem"),
    [("class A: pass", "no class Cells"), ("class Cells:\n    a = 1", "has no settings")],
)
def test_a_class_that_is_not_there_is_an_error(source, problem):
    with pytest.raises(ValueError, match=problem):
        configuration.settings_of(source, "Cells")


def test_a_marker_that_names_nothing_is_an_error():
    with pytest.raises(ValueError, match="no class Nothing"):
        configuration.with_tables("<!-- settings: mrcnn/config.py Nothing -->")
    with pytest.raises(OSError):
        configuration.with_tables("<!-- settings: mrcnn/nothing.py Config -->")
    assert configuration.with_tables("text\n<!-- a comment -->\n") == "text\n<!-- a comment -->\n"


def test_tables_show_code_as_code():
    table = configuration.tables_of("mrcnn/config.py", "Config")
    assert table.startswith("### ")
    assert '<td data-head="Default"><code>[123.7, 116.8, 103.9]</code></td>' in table
    assert '<span class="aside">One of <code>"batch"</code>, <code>"group"</code>.</span>' in table
    assert "(Wu &amp; He 2018)" in table
    derived = configuration.tables_of("samples/rbc/rbc.py", "RBCConfig")
    instead = '<code>512</code><br><span class="aside">instead of <code>1024</code></span>'
    assert (
        f'<tr id="IMAGE_MAX_DIM"><td><code>IMAGE_MAX_DIM</code></td><td data-head="Value">{instead}'
        in derived
    )
    assert '<td data-head="Value"><code>0.001</code></td>' in derived


LINKED = """[a](b.md) ![picture](c.png "With a title") [d](https://e.org/f) `[no](g.md)`

```python
[no](h.md)
```

~~~
[no](i.md)
~~~

`` `[no](j.md)` `` and [k](l.md#m)
"""


def test_links_outside_of_code_are_found_and_changed():
    assert list(outside.links_in(LINKED)) == ["b.md", "c.png", "https://e.org/f", "l.md#m"]
    changed = outside.change_links(LINKED, lambda link: link.upper())
    assert list(outside.links_in(changed)) == ["B.MD", "C.PNG", "HTTPS://E.ORG/F", "L.MD#M"]
    assert changed.lower() == LINKED.lower()
    assert '(C.PNG "With a title")' in changed
    assert outside.change_links(LINKED, lambda link: link) == LINKED


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("training.md", "docs/training.md"),
        ("../README.md#start", "README.md"),
        ("../weights/./rbc/README.md", "weights/rbc/README.md"),
        ("../../outside.md", "../outside.md"),
        ("#start", None),
        ("https://example.org/a.md", None),
        ("mailto:a@example.org", None),
        ("//example.org/a.md", None),
        ("/a.md", None),
    ],
)
def test_the_file_behind_a_link(link, target):
    assert outside.target_of(link, "docs/index.md") == target


@pytest.mark.parametrize(
    ("file", "page"),
    [
        ("docs/index.md", "index.md"),
        ("docs/api/model.md", "api/model.md"),
        ("README.md", "project/README.md"),
        ("weights/rbc/README.md", "project/weights/rbc/README.md"),
        ("mrcnn/config.py", "project/mrcnn/config.py.md"),
        ("notebooks/inspect_data.ipynb", "project/notebooks/inspect_data.ipynb.md"),
    ],
)
def test_files_have_pages_and_pages_files(file, page):
    assert outside.page_of(file) == page
    assert outside.file_of(page) == file


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """An empty tree in the place of the project's."""
    monkeypatch.setattr(outside, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    return tmp_path


def test_a_source_becomes_a_listing_that_its_own_marks_do_not_end(tree):
    (tree / "a.py").write_text('"""\n```\ncode\n```\n"""\n')
    page = outside.content_of("a.py")
    assert '\n````python linenums="1"\n"""\n```\ncode\n```\n"""\n````\n' in page
    assert "# a.py" in page


def output_of(data: dict) -> dict:
    return {"output_type": "display_data", "data": data}


def test_a_notebook_becomes_a_page_with_its_outputs(tree):
    png = base64.b64encode(b"\x89PNG").decode()
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]},
                output_of({"text/plain": "<Figure>", "image/png": f"{png}\n"}),
                output_of({"text/plain": "x", "text/html": ["<table>\n", "    <tr></tr>\n"]}),
                output_of({"text/plain": ["plain"]}),
                output_of({"application/json": {}}),
            ],
        },
        {"cell_type": "code", "source": " ", "outputs": []},
        {"cell_type": "raw", "source": "left out"},
    ]
    (tree / "a.ipynb").write_text(json.dumps({"cells": cells}))
    assert outside.content_of("a.ipynb").split("\n\n") == [
        "# Title\ntext",
        "```python\nprint(1)\n```",
        f"```{outside.PRINTED}\n1\n2\n```",
        f'<img alt="Output of the cell above" src="data:image/png;base64,{png}">',
        '<div class="output"><table> <tr></tr></div>',
        f"```{outside.PRINTED}\nplain\n```\n",
    ]


def test_outside_files_are_found_over_several_links(tree):
    (tree / "docs" / "index.md").write_text("[a](../A.md) [b](other.md) [c](../no.py)")
    (tree / "docs" / "other.md").write_text("[a](../A.md)")
    (tree / "A.md").write_text("[b](b/c.py) [back](docs/index.md) [out](../../x.md)")
    (tree / "b").mkdir()
    (tree / "b" / "c.py").write_text("[no](link.md)")
    (tree / "named.md").write_text("text")
    documents = ["docs/index.md", "docs/other.md"]
    assert outside.outside_files(documents, ["named.md"]) == (
        ["A.md", "b/c.py", "named.md"],
        [
            "A.md links to ../../x.md, which is no file of the project.",
            "docs/index.md links to no.py, which is no file of the project.",
        ],
    )


def page_at(source: str) -> SimpleNamespace:
    return SimpleNamespace(file=SimpleNamespace(src_uri=source))


@pytest.mark.parametrize(
    ("page", "link", "changed"),
    [
        ("index.md", "../README.md#start", "project/README.md#start"),
        ("index.md", "training.md#the-recipe", "training.md#the-recipe"),
        ("api/model.md", "../../mrcnn/config.py", "../project/mrcnn/config.py.md"),
        ("project/README.md", "docs/index.md", "../index.md"),
        ("project/README.md", "weights/README.md", "weights/README.md"),
        ("project/weights/rbc/README.md", "../../docs/training.md", "../../../training.md"),
        ("index.md", "#start", "#start"),
        ("index.md", "https://example.org/", "https://example.org/"),
    ],
)
def test_links_lead_to_pages(page, link, changed):
    assert outside.on_page_markdown(f"[a]({link})", page_at(page), None, None) == f"[a]({changed})"


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://example.org/a.js"></script>',
        "<img alt='' src='//example.org/a.png'>",
        '<link rel="stylesheet" href="https://example.org/a.css">',
        "<iframe src=https://example.org/>",
    ],
)
def test_what_is_fetched_from_another_host_is_a_warning(html, caplog):
    with caplog.at_level(logging.WARNING):
        assert outside.on_post_page(html, page_at("index.md"), None) == html
    assert "index.md: the page asks another host for" in caplog.text
    # Under this name MkDocs counts it, and --strict ends the build.
    assert caplog.records[0].name.startswith("mkdocs.")


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://example.org/">a page</a>',
        '<link rel="canonical" href="https://example.org/">',
        '<script src="assets/a.js"></script><img src="data:image/png;base64,AA==">',
    ],
)
def test_links_of_a_page_are_no_warning(html, caplog):
    with caplog.at_level(logging.WARNING):
        outside.on_post_page(html, page_at("index.md"), None)
    assert caplog.text == ""


def test_pages_named_in_the_navigation_are_there():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    navigation = text[text.index("\nnav:") : text.index("\ntheme:")]
    pages = [line.rsplit(": ", 1)[1] for line in navigation.splitlines() if line.endswith(".md")]
    assert len(pages) > 20
    assert [page for page in pages if not (ROOT / outside.file_of(page)).is_file()] == []
    documents = (ROOT / "docs").rglob("*.md")
    assert {path.relative_to(ROOT / "docs").as_posix() for path in documents} <= set(pages)
