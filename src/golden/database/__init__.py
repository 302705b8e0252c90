"""One database for catalog and journal: plain SQL over DB-API, numbered migrations, SQLite in WAL mode."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from golden import stopping
from golden.database.places import Places
from golden.errors import GoldenError, NewerSchema, NotFound, StateUnusable, TimedOut

FILE = "golden.db"
PATIENCE = 20.0
"""Seconds that a lock of another process's is waited for."""
MIGRATIONS = Path(__file__).parent / "migrations"
_VALUES = (
    ("version", "record"),
    ("image", "record"),
    ("publication", "record"),
    ("job", "instructions"),
    ("entry", "value"),
)

Checkpoint = Callable[[str], None]


def now() -> str:
    """The present moment as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Database:
    """
    A connection to golden's database in its state folder.

    Opening for writing makes the folder and brings the schema up to date; opening for reading never writes.
    Raises StateUnusable (cannot be read, written, is damaged, disk full), NewerSchema, NotFound (reading, none there).
    ``checkpoint`` is called before and after every commit; crash tests die there. ``base`` is the project's folder:
    values are written through ``places``, so that both folders may be moved.
    """

    def __init__(
        self, state: Path, *, write: bool = False, base: Path | None = None, checkpoint: Checkpoint = lambda _: None
    ) -> None:
        self.path = state / FILE
        self.places = Places(state, base)
        self._checkpoint = checkpoint
        self.guards: list[Callable[[Callable[..., sqlite3.Cursor]], None]] = []
        """Asked inside every transaction that writes, first of all; what they raise ends it."""
        with self.translated():
            if write:
                state.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)
                self._write_ahead()
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._migrate()
            else:
                self._db = self._open_to_read()
                self._refuse_newer()
                if self._schema() == 0:  # The very first command was cut off before it had made the tables.
                    raise NotFound(f"there is no golden state in {self.path.parent} yet", hint="golden init")

    @contextmanager
    def writing(self, what: str) -> Iterator[Callable[..., sqlite3.Cursor]]:
        """One transaction; gives ``execute``. All of it happens, or nothing."""
        with stopping.held(), self.translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for guard in self.guards:
                    guard(self._db.execute)
                yield self._db.execute
                self._checkpoint(f"before {what}")
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._checkpoint(f"after {what}")

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        with self.translated():
            return self._db.execute(sql, values).fetchall()

    def installation(self) -> str:
        """Random id of this state folder."""
        return str(self.rows("SELECT id FROM installation")[0][0])

    def close(self) -> None:
        """Let go of the connection."""
        self._db.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what SQLite and the file system say into errors somebody can act on."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from error
        except OSError as error:
            raise StateUnusable(
                f"the state folder {self.path.parent} cannot be used: {error.strerror or error}",
                hint="check who owns it, its permissions, and the room on its disk",
            ) from error

    def _unusable(self, error: sqlite3.DatabaseError) -> GoldenError:
        text = str(error)
        if "full" in text:
            brief, hint = (
                f"no room left on the disk that holds {self.path}",
                "free some room; golden jobs tells whether one waits to be resumed",
            )
        elif "readonly" in text or "unable to open" in text:
            brief, hint = (
                f"golden may not write {self.path}",
                "check who owns the state folder and its permissions",
            )
        elif "locked" in text:
            brief, hint = f"another process keeps {self.path} locked", "golden jobs"
        elif "malformed" in text or "not a database" in text:
            brief = f"{self.path} is damaged and cannot be read"
            hint = "put back a copy of it; the versions themselves are separate files and are not touched"
        else:
            brief, hint = f"{self.path} cannot be used", "golden doctor"
        return StateUnusable(brief, details=text, hint=hint)

    def _write_ahead(self) -> None:
        """WAL mode. Where two processes make the file at once SQLite says "locked" to one without waiting for it."""
        from golden.waiting import Deadline, Waiting  # Only who writes comes here; reading must start fast.

        def is_on() -> bool:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                return False
            return True

        try:
            Waiting(Deadline(PATIENCE), tick=0.02).until("the state folder to be free", is_on)
        except TimedOut as error:
            raise StateUnusable(f"another process keeps {self.path} locked", hint="golden jobs") from error

    def _open_to_read(self) -> sqlite3.Connection:
        if not self.path.exists():
            raise NotFound(f"there is no golden state in {self.path.parent}", hint="golden init")
        db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE, isolation_level=None
        )
        try:
            db.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError as error:
            log = self.path.with_name(f"{FILE}-wal")
            unread = log.exists() and log.stat().st_size > 0  # What it holds would not be seen.
            if unread or not any(words in str(error) for words in ("unable to open", "readonly")):
                raise
            # A folder that may not be written has no place for WAL's shared memory; nobody can be writing there.
            db = sqlite3.connect(f"{self.path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)
        return db

    def _schema(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _refuse_newer(self) -> None:
        known = len(list(MIGRATIONS.glob("*.sql")))
        if (found := self._schema()) > known:
            raise NewerSchema(
                f"{self.path} has schema {found}; this golden knows schemas up to {known}",
                hint="use the golden that wrote it, or a newer one",
            )

    def _migrate(self) -> None:
        self._refuse_newer()
        if self._schema() == len(scripts := sorted(MIGRATIONS.glob("*.sql"))):
            return
        for number, script in enumerate(scripts, start=1):
            with self.writing(f"schema {number}") as execute:
                if self._schema() >= number:  # Another process was faster.
                    continue
                for statement in script.read_text(encoding="utf-8").split(";"):
                    if statement.strip():
                        execute(statement)
                if number == 1:
                    execute("INSERT INTO installation VALUES (?)", (uuid.uuid4().hex,))
                if number == 2:
                    self._write_anew(execute)
                execute(f"PRAGMA user_version = {number}")

    def _write_anew(self, execute: Callable[..., sqlite3.Cursor]) -> None:
        """Every value through ``places``."""
        for table, column in _VALUES:
            rows = execute(f"SELECT rowid, {column} FROM {table}").fetchall()  # noqa: S608
            anew = [(self.places.text(self.places.value(text)), row) for row, text in rows if text is not None]
            for values in anew:
                execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", values)  # noqa: S608
