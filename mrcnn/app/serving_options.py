"""Options of `serve`."""

from pathlib import Path
from typing import TYPE_CHECKING

from mrcnn.app.commands import SERVE
from mrcnn.app.option import Option
from mrcnn.app.option_types import whole_number

if TYPE_CHECKING:
    from mrcnn.app.application import Application

PORT = 8765


def serving_options(application: "Application") -> list[Option]:
    return [
        Option(
            "pictures",
            (SERVE,),
            nargs="*",
            metavar="IMAGE_OR_FOLDER",
            help="image files, or folders of images, to take into the project",
        ),
        Option(
            "--project",
            (SERVE,),
            type=Path,
            metavar="DIR",
            help="folder that keeps {images}, corrections and models (default "
            f"{application.results(SERVE)})",
        ),
        Option(
            "--port",
            (SERVE,),
            type=whole_number,
            default=PORT,
            metavar="N",
            help="of the page's address; 0 takes a free one (default %(default)s)",
        ),
        Option(
            "--host",
            (SERVE,),
            metavar="ADDRESS",
            help="address that other machines can reach as well; the page then asks for a token, "
            "which is printed (default: this machine alone)",
        ),
        Option("--no-browser", (SERVE,), is_flag=True, help="do not open the page in a browser"),
    ]
