"""The command `serve`: starts the page and opens it."""

import contextlib
import os
import secrets
import socket
import sys
import webbrowser
from collections.abc import Sequence
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.commands import DETECT, SERVE
from mrcnn.app.inputs import expand_inputs
from mrcnn.app.names import on_one_line
from mrcnn.errors import ConfigError, MrcnnError
from mrcnn.serve.extra import require_libraries

_LOOPBACK = "127.0.0.1"
_WAITING = 128
_LAST_PORT = 2**16 - 1
# Seconds that open connections have at the end.
_END = 2


def run(application: Application, options: Any) -> int:
    """Serve until Ctrl-C; returns the exit status."""
    require_libraries()
    import uvicorn

    from mrcnn.serve.detector import Detector, load_model
    from mrcnn.serve.models import chosen_model
    from mrcnn.serve.project import Project
    from mrcnn.serve.server import make_server
    from mrcnn.serve.starters import own_command, write_starter
    from mrcnn.serve.state import State

    host = options.host or _LOOPBACK
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    listening = listen(host, options.port)
    project = Project(options.project or application.results(SERVE))
    of_detect = detect_options(application, options)
    if of_detect.weights is None:
        of_detect.weights = chosen_model(project)
    detector = Detector(lambda: load_model(application, of_detect))
    program = own_command()
    state = State(application, of_detect, detector, project, program)
    take_in(state, options.pictures)
    server = make_server(state, token)
    address = address_of(host, listening.getsockname()[1], token)
    print(f"Project: {project.folder}")
    print(f"Page: {address}", flush=True)
    print(f"To start it again, double-click {write_starter(project.folder, program)}")
    print("Ctrl-C ends it; what was done is kept in the project.", flush=True)
    if not options.no_browser:
        # The socket listens already: the browser waits until the page can answer.
        webbrowser.open(address)
    config = uvicorn.Config(
        server,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_END,
    )
    # Ctrl-C is how it ends.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
    return 0


def take_in(state: Any, arguments: Sequence[str]) -> None:
    """Take pictures into the project, those that are not there yet, and have them detected in."""
    inputs = expand_inputs(arguments)
    told = [path.stat() for path in state.project.all_paths()]
    files = {(each.st_dev, each.st_ino) for each in told}
    known = {(path.name, path.stat().st_size) for path in state.project.all_paths()}
    for line in [*(reason for _, reason in inputs.problems), *inputs.passed_over]:
        print(f"passed over: {on_one_line(line)}", file=sys.stderr)
    for path in inputs.paths:
        try:
            now = path.stat()
            if (now.st_dev, now.st_ino) in files or (path.name, now.st_size) in known:
                continue
            state.work.add_new(state.project.add(path.resolve(), path.name))
        except (MrcnnError, OSError) as error:
            print(f"not taken in: {on_one_line(str(error))}", file=sys.stderr)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    return host in ("127.0.0.1", "localhost", "::1")


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Raises:
        ConfigError: there is no such address, or the port is taken.
    """
    if port > _LAST_PORT:
        raise ConfigError(f"--port {port}: ports end at {_LAST_PORT}.")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                # Else the port of a page that has just ended is taken for a minute.
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(_WAITING)
        except BaseException:
            opened.close()
            raise
        return opened
    except OSError as error:
        raise ConfigError(
            f"--host {host} --port {port}: cannot be listened at "
            f"({error.strerror or error}). Is the page open already? --port "
            "takes another number, and 0 a free one."
        ) from None


def address_of(host: str, port: int, token: str | None) -> str:
    """What a browser opens."""
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def detect_options(application: Application, options: Any) -> Any:
    """The options of `detect` that the page counts with, the given ones among them."""
    chosen = application.parse([DETECT, "pictures"])
    for name in ("weights", "min_conf", "pixel_size", "diameter"):
        setattr(chosen, name, getattr(options, name, None))
    return chosen
