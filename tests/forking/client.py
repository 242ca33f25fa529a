"""Hands a command to the server, waits, and ends as the program ended.

`python.py` makes an executable of this, which begins with REAL, the interpreter, and NAME, that of
the server.
"""

import json
import os
import signal
import socket
import sys


def main() -> int:
    """The exit status."""
    command = sys.argv[1:]
    if not command or (command[0].startswith("-") and command[0] not in ("-c", "-m")):
        os.execv(REAL, [REAL, *command])  # noqa: F821
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(f"\0{NAME}")  # noqa: F821
        told = json.dumps([sys.argv[0], command, os.getcwd(), dict(os.environ)]).encode()
        socket.send_fds(server, [len(told).to_bytes(8, "big")], [0, 1, 2])
        server.sendall(told)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: server.sendall(bytes([number])))
        status = int(server.recv(16) or -signal.SIGKILL)
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


sys.exit(main())
