"""`Jobs`: what is to be detected in, kept in a file that outlives the server."""

import sqlite3
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mrcnn.errors import DataError

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
# Of the tables; files that say none are of the first.
_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, picture TEXT NOT NULL, region TEXT NOT NULL,
    state TEXT NOT NULL, problem TEXT NOT NULL, asked REAL NOT NULL, ended REAL
);
CREATE INDEX IF NOT EXISTS jobs_by_picture ON jobs (picture, number);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state);
CREATE TABLE IF NOT EXISTS summaries (picture TEXT PRIMARY KEY, told TEXT NOT NULL);
"""
_COLUMNS = "number, picture, region, state, problem"


@dataclass(frozen=True)
class Job:
    """One picture, or a region of it, that is to be detected in.

    Attributes:
        number: rises.
        picture: its name.
        region: "y,x,height,width" in pixels; empty for the whole picture.
        state: one of the five of this module.
        problem: why it failed.
    """

    number: int
    picture: str
    region: str = ""
    state: str = WAITING
    problem: str = ""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Jobs:
    """The jobs of a project, and what is told of each picture in a list. Any thread may use it.

    A job that ran when the server was killed waits again.

    Args:
        path: of the SQLite file; made if it is missing.

    Raises:
        DataError: the file is of a later version.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        (version,) = self._file.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            self._file.close()
            raise DataError(
                f"{path}: is of version {version}, and this program knows versions up to "
                f"{_VERSION}: open the project with a later one, or take another folder."
            )
        self._file.execute("PRAGMA journal_mode = WAL")
        # Confirmed is on the disk.
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.executescript(f"{_TABLES} PRAGMA user_version = {_VERSION};")
        self._do("UPDATE jobs SET state = ? WHERE state = ?", WAITING, RUNNING)

    def add(self, picture: str, region: str = "") -> Job:
        """A new job, which waits."""
        with self._lock:
            made = self._file.execute(
                "INSERT INTO jobs (picture, region, state, problem, asked) VALUES (?, ?, ?, '', ?)",
                (picture, region, WAITING, time.time()),
            )
            assert made.lastrowid is not None
            return Job(made.lastrowid, picture, region)

    def begin(self, number: int) -> bool:
        """Take a job that waits; False where it was cancelled."""
        return self._move(number, RUNNING, "", (WAITING,))

    def end(self, number: int, state: str, problem: str = "") -> bool:
        """End a job that runs; False where it was cancelled meanwhile."""
        return self._move(number, state, problem, (RUNNING,))

    def cancel(self, number: int) -> bool:
        """Cancel a job; False where it has ended."""
        return self._move(number, CANCELLED, "", (WAITING, RUNNING))

    def _move(self, number: int, state: str, problem: str, earlier: tuple[str, ...]) -> bool:
        ended = None if state == RUNNING else time.time()
        marks = ", ".join("?" * len(earlier))
        sql = "UPDATE jobs SET state = ?, problem = ?, ended = ? WHERE number = ? AND state IN"
        return self._do(f"{sql} ({marks})", state, problem, ended, number, *earlier) > 0

    def job(self, number: int) -> Job | None:
        """A job, if there is one of this number."""
        found = self._get(f"SELECT {_COLUMNS} FROM jobs WHERE number = ?", number)
        return Job(*found[0]) if found else None

    def open(self) -> list[Job]:
        """All that wait or run, in their order."""
        sql = f"SELECT {_COLUMNS} FROM jobs WHERE state IN (?, ?) ORDER BY number"
        return [Job(*row) for row in self._get(sql, WAITING, RUNNING)]

    def newest(self) -> dict[str, Job]:
        """The newest job of each picture."""
        newest = "SELECT MAX(number) FROM jobs GROUP BY picture"
        sql = f"SELECT {_COLUMNS} FROM jobs WHERE number IN ({newest})"
        return {row[1]: Job(*row) for row in self._get(sql)}

    # --- What lists tell of pictures ---------------------------------------------------------

    def summaries(self) -> dict[str, str]:
        """JSON text of each picture that has one."""
        return dict(self._get("SELECT picture, told FROM summaries"))

    def store_summary(self, picture: str, told: str) -> None:
        """Keep what is told of a picture."""
        self._do("INSERT OR REPLACE INTO summaries (picture, told) VALUES (?, ?)", picture, told)

    def forget_summary(self, picture: str) -> None:
        """Forget what is told of a picture, which is no longer right."""
        self._do("DELETE FROM summaries WHERE picture = ?", picture)

    def forget(self, picture: str) -> None:
        """Forget a picture that is no more."""
        self.forget_summary(picture)
        self._do("DELETE FROM jobs WHERE picture = ?", picture)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def _do(self, sql: str, *values: Any) -> int:
        with self._lock:
            return self._file.execute(sql, values).rowcount

    def _get(self, sql: str, *values: Any) -> list[tuple]:
        with self._lock:
            return self._file.execute(sql, values).fetchall()
