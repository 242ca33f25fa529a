"""One file from a server to the disk, in as many connections as it takes.

What has arrived is kept beside the target as `.NAME.part`, a name that no loader of weights looks
for, with a note of what it is a part of. A later call, also of another process, goes on from there.
Only a file of the right size and checksum gets the name of the target.
"""

import hashlib
import http.client
import io
import json
import os
import re
import secrets
import stat
import time
from pathlib import Path
from typing import BinaryIO, NoReturn, Protocol

from mrcnn.weights.connections import (
    Answer,
    Headers,
    Patience,
    TransferBroke,
    TransferFailed,
    failure_of,
    open_url,
)

CHUNK_BYTES = 1 << 20
_LONGEST_VALIDATOR = 1_000
_LONGEST_NOTE = 20_000


class Display(Protocol):
    """Where a transfer tells how it goes."""

    def show(self, received: int) -> None:
        """So many bytes of the file are on the disk."""

    def say(self, text: str) -> None:
        """A line of text about something that happened."""


class Partial:
    """The part of a published file that has arrived, and the note of what it belongs to.

    Args:
        target: the path that the whole file shall get.
        md5: checksum of the whole file, 32 hexadecimal digits.
        size: its length in bytes.
        shared: False for a name of its own, where no lock keeps other processes away.
    """

    def __init__(self, target: Path, md5: str, size: int, shared: bool = True) -> None:
        own = "" if shared else f".{os.getpid()}-{secrets.token_hex(4)}"
        self.path = target.with_name(f".{target.name}{own}.part")
        self.target = target
        self.md5 = md5
        self.size = size
        self._note = self.path.with_name(f"{self.path.name}.json")

    def length(self) -> int:
        """Bytes that can be gone on from; 0 if there is nothing, or nothing of this file."""
        try:
            status = os.lstat(self.path)
        except OSError:
            return 0
        note = self._read_note()
        fits = note.get("md5") == self.md5 and note.get("size") == self.size
        fits = fits and stat.S_ISREG(status.st_mode) and status.st_size <= self.size
        return status.st_size if fits else 0

    def validator(self, url: str) -> str | None:
        """What the server of `url` called the content that arrived; None if another server sent it
        or it has no name for it."""
        note = self._read_note()
        found = note.get("validator")
        usable = isinstance(found, str) and found.isascii() and found.isprintable()
        return found if usable and note.get("url") == url else None

    def begin(self, url: str, headers: Headers) -> BinaryIO:
        """Start anew, with the headers of an answer: an empty file, open for writing."""
        self.discard()
        # First the note, then content: content is never taken for that of another note.
        self._write_note(url, validator_of(headers))
        return open(self.path, "xb", buffering=0)

    def go_on(self, url: str, headers: Headers) -> BinaryIO:
        """Open what is there for appending the content of an answer."""
        known = self.validator(url)
        validator = validator_of(headers) or known
        if validator != known:
            self._write_note(url, validator)
        return open(self.path, "ab", buffering=0)

    def is_right(self) -> bool:
        """Whether the checksum of what is on the disk is that of the whole file."""
        return self.checksum() == self.md5

    def checksum(self) -> str:
        with open(self.path, "rb") as stream:
            return md5_of(stream)

    def publish(self) -> None:
        """Give the file the name of the target, in one step."""
        with open(self.path, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(self.path, self.target)
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _write_note(self, url: str, validator: str | None) -> None:
        note = {"md5": self.md5, "size": self.size, "url": url, "validator": validator}
        self._note.write_text(json.dumps(note), encoding="utf-8")

    def _read_note(self) -> dict:
        try:
            with open(self._note, "rb") as stream:
                note = json.loads(stream.read(_LONGEST_NOTE))
        except (OSError, ValueError, RecursionError):
            return {}
        return note if isinstance(note, dict) else {}


class Transfer:
    """Bring a partial file to its end.

    Args:
        url: where the file is; see `mrcnn.weights.connections.is_allowed`.
        partial: what has arrived of it. No other process may use it at the same time.
        patience: how long to bear with a bad network.
        display: told of the progress and of every new start.
        title: what the lines of text call the file.
    """

    def __init__(
        self, url: str, partial: Partial, patience: Patience, display: Display, title: str
    ) -> None:
        self._url = url
        self._partial = partial
        self._patience = patience
        self._display = display
        self._title = title
        # Whether this call has received something.
        self._begun = False
        # Whether the file is put together from more than one answer.
        self._pieced = partial.length() > 0

    def run(self) -> None:
        """Receive what is missing, and check it.

        Raises:
            TransferFailed: the reason in words. What arrived is kept if it can be gone on from.
            OSError: the disk.
        """
        self._receive()
        if self._partial.is_right():
            return
        if self._pieced:
            self._display.say(
                f"The pieces of the {self._title} do not make the published file: fetching it anew"
            )
            self._partial.discard()
            self._receive()
            if self._partial.is_right():
                return
        found = self._partial.checksum()
        self._partial.discard()
        raise TransferFailed(f"the checksum is {found}, expected {self._partial.md5}")

    def _receive(self) -> None:
        """Connect until all bytes are there."""
        size = self._partial.size
        furthest = self._partial.length()
        failures = 0
        while self._partial.length() < size:
            try:
                self._connect()
            except TransferBroke as failure:
                # Only what no earlier connection brought is progress, or this might never end.
                if self._partial.length() >= furthest + self._patience.progress_bytes:
                    failures = 0
                furthest = max(furthest, self._partial.length())
                failures += 1
                if failures >= self._patience.failures:
                    raise TransferFailed(f"{failure} (tried {failures} times)") from failure
                self._pause(failure, failures)
            else:
                if self._partial.length() < size:
                    raise TransferFailed(f"another program changed {self._partial.path}")

    def _pause(self, failure: TransferBroke, failures: int) -> None:
        """Wait before the next connection."""
        longest = self._patience.longest_pause_seconds
        if failure.retry_after is not None and failure.retry_after > longest:
            raise TransferFailed(
                f"{failure} and asks to come back in {failure.retry_after:.0f} seconds"
            ) from failure
        seconds = min(self._patience.first_pause_seconds * 2 ** (failures - 1), longest)
        seconds = max(seconds, failure.retry_after or 0.0)
        self._display.say(
            f"The {self._title}: {failure}. Trying again in {seconds:.0f} s "
            f"({failures + 1} of {self._patience.failures})"
        )
        time.sleep(seconds)

    def _connect(self) -> None:
        """Append what one connection brings, up to the end of the file."""
        offset = self._partial.length()
        headers = {}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if validator := self._partial.validator(self._url):
                # If the content is another by now, the server shall send all of it.
                headers["If-Range"] = validator
        with open_url(self._url, headers, self._patience, self._begun) as answer:
            if answer.status == http.HTTPStatus.OK:
                self._expect_size(_number(answer.headers.get("Content-Length")))
                output = self._partial.begin(self._url, answer.headers)
                self._pieced = False
                offset = 0
            elif offset and answer.status == http.HTTPStatus.PARTIAL_CONTENT:
                if not self._continues(answer.headers, offset):
                    self._refuse_to_go_on()
                output = self._partial.go_on(self._url, answer.headers)
                self._pieced = True
                self._display.say(
                    f"The {self._title}: going on after {100 * offset // self._partial.size} %"
                )
            elif offset and answer.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._expect_size(_total(answer.headers))
                self._refuse_to_go_on()
            else:
                raise TransferFailed(f"the server answered {answer.status} {answer.reason}")
            with output:
                self._copy(answer, output, offset)

    def _expect_size(self, offered: int | None) -> None:
        """A server that offers a file of another size has another file: what is here is kept."""
        if offered is not None and offered != self._partial.size:
            raise TransferFailed(
                f"the server offers {offered} bytes, expected {self._partial.size}"
            )

    def _refuse_to_go_on(self) -> NoReturn:
        """Throw away what is there, so that the next connection asks for all of it."""
        self._partial.discard()
        raise TransferBroke("the server cannot go on where the transfer ended")

    def _continues(self, headers: Headers, offset: int) -> bool:
        """Whether a partial answer goes on where the partial file ends."""
        self._expect_size(_total(headers))
        known, offered = self._partial.validator(self._url), validator_of(headers)
        if known and offered and known != offered:
            return False
        return (headers.get("Content-Range") or "").strip().startswith(f"bytes {offset}-")

    def _copy(self, answer: Answer, output: BinaryIO, offset: int) -> None:
        """Append the content of an answer to the partial file, and no more than is expected."""
        size = self._partial.size
        announced = _number(answer.headers.get("Content-Length"))
        end = size if announced is None else min(size, offset + announced)
        self._display.show(offset)
        while offset < end:
            chunk = self._read(answer, end - offset)
            if not chunk:
                break
            self._begun = True
            offset += _write(output, chunk)
            self._display.show(offset)
        if offset < size:
            raise TransferBroke(f"the transfer ended after {offset} of {size} bytes")
        if announced is None and self._read(answer, 1):
            output.close()
            self._partial.discard()
            raise TransferFailed(f"the server sent more than the expected {size} bytes")

    def _read(self, answer: Answer, most: int) -> bytes:
        try:
            # Returns what is there; `read` would wait for all of it.
            return answer.read1(min(most, CHUNK_BYTES))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise failure_of(error, begun=True, prefix="the connection broke: ") from error


def md5_of(stream: io.BufferedIOBase) -> str:
    """Checksum of the rest of a stream, 32 hexadecimal digits."""
    return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _write(output: BinaryIO, chunk: bytes) -> int:
    """Write all of a chunk; a single call may write less when the disk is almost full."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[output.write(rest) :]
    return len(chunk)


def validator_of(headers: Headers) -> str | None:
    """What the server calls the content: a strong ETag, else the time of its last change."""
    tag = (headers.get("ETag") or "").strip()
    # Contents that share a weak tag may differ in their bytes.
    found = tag if tag.startswith('"') else headers.get("Last-Modified")
    return found if found and len(found) <= _LONGEST_VALIDATOR else None


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _total(headers: Headers) -> int | None:
    """Size of the whole file that a partial answer, or a refusal to give one, tells."""
    return _number((headers.get("Content-Range") or "").rpartition("/")[2])
