"""A process that has the large libraries imported, and of which a copy runs each program.

    python server.py NAME

It listens at a socket of that abstract name, says so on its standard output, and ends when its
standard input ends. See `python.py`.
"""

import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import selectors
import signal
import socket
import sys

LIBRARIES = (
    "keras",
    "matplotlib.pyplot",
    "scipy.ndimage",
    "skimage.io",
    "ipykernel.kernelapp",
    # It notes the interpreter, and gives descriptors to the processes that it begins.
    "multiprocessing.spawn",
)


def python_path() -> list[str]:
    """The folders of PYTHONPATH."""
    given = os.environ.get("PYTHONPATH")
    return given.split(os.pathsep) if given else []


# What a program imports from, but for its own folder and PYTHONPATH.
IMPORTED_FROM = [path for path in sys.path[1:] if path not in python_path()]


class Request:
    """A program that is to be run.

    Args:
        connection: to whoever waits for it.

    Attributes:
        streams: descriptors of standard input, output and errors.
        executable: the interpreter, as far as the program knows.
        command: the arguments of an interpreter.
        folder: where it runs.
        environment: its variables.
    """

    def __init__(self, connection: socket.socket) -> None:
        length, self.streams, *_ = socket.recv_fds(connection, 8, 3)
        told = b""
        while len(told) < int.from_bytes(length, "big"):
            told += connection.recv(2**16)
        self.executable, self.command, self.folder, self.environment = json.loads(told)


class Server:
    """Has programs run, and keeps those who wait for them informed.

    Args:
        listener: where requests come in.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._programs: dict[int, socket.socket] = {}
        self._ended, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        # A program that ends writes a byte there.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake)
        self._selector = selectors.DefaultSelector()
        for source in (listener, self._ended, sys.stdin):
            self._selector.register(source, selectors.EVENT_READ)

    def next_request(self) -> Request:
        """Waits for requests, and returns with each in a copy of this process alone."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    connection = self._listener.accept()[0]
                    request = Request(connection)
                    child = os.fork()
                    if not child:
                        self._close(connection)
                        return request
                    self._programs[child] = connection
                    self._selector.register(connection, selectors.EVENT_READ, child)
                    for stream in request.streams:
                        os.close(stream)
                elif key.fileobj is sys.stdin:
                    for child in self._programs:
                        os.kill(child, signal.SIGKILL)
                    sys.exit()
                elif key.fileobj == self._ended:
                    os.read(self._ended, 512)
                    self._tell_ends()
                elif key.data in self._programs:
                    # Without a word: whoever waits was killed, and the program is meant.
                    given = self._programs[key.data].recv(1)
                    os.kill(key.data, given[0] if given else signal.SIGKILL)

    def _tell_ends(self) -> None:
        for child, connection in list(self._programs.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                del self._programs[child]
                self._selector.unregister(connection)
                with contextlib.suppress(BrokenPipeError):
                    connection.sendall(f"{os.waitstatus_to_exitcode(status)}".encode())
                connection.close()

    def _close(self, connection: socket.socket) -> None:
        """Nothing of the server is left in the copy."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for each in (self._listener, connection, *self._programs.values()):
            each.close()
        os.close(self._ended)
        os.close(self._wake)


def begin(request: Request) -> None:
    """Makes this process the one that a new interpreter would be."""
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.executable = request.executable
    # Otherwise each program would draw the same numbers.
    random.seed()
    importlib.import_module("numpy").random.seed()
    if backend := os.environ.get("MPLBACKEND"):
        importlib.import_module("matplotlib").rcParams["backend"] = backend


def run(command: list[str]) -> None:
    """What `python COMMAND` does.

    Args:
        command: `-c CODE`, `-m MODULE` or a file, with its arguments.
    """

    def prepare(first: str, arguments: list[str]) -> None:
        sys.path[:] = [first, *python_path(), *IMPORTED_FROM]
        sys.argv = arguments

    if command[0] == "-c":
        prepare("", ["-c", *command[2:]])
        namespace = {"__name__": "__main__", "__builtins__": __builtins__}
        exec(compile(command[1], "<string>", "exec"), namespace)
    elif command[0] == "-m":
        prepare(os.getcwd(), command[1:])
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        prepare(os.path.dirname(os.path.abspath(command[0])), command)
        runpy.run_path(command[0], run_name="__main__")


def main() -> None:
    """Serve, or be one of the programs."""
    for name in LIBRARIES:
        importlib.import_module(name)
    # Nothing of it is garbage: looking for that in each copy, also at its end, would take seconds.
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0{sys.argv[1]}")
    listener.listen()
    print(sys.argv[1], flush=True)
    request = Server(listener).next_request()
    begin(request)
    run(request.command)


if __name__ == "__main__":
    main()
