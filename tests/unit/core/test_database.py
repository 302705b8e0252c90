"""The state folder: what cannot be used says so, and a newer schema is never touched."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from golden.database import Database
from golden.errors import NewerSchema, NotFound, StateUnusable


def test_reading_where_nothing_is_says_what_to_type(tmp_path: Path) -> None:
    """Reading never makes a state folder."""
    with pytest.raises(NotFound) as caught:
        Database(tmp_path / "state")
    assert caught.value.hint == "golden init"
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("write", [True, False])
def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path, write: bool) -> None:
    """An older golden must not write what it does not understand."""
    Database(tmp_path, write=True).close()
    with sqlite3.connect(tmp_path / "golden.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = (tmp_path / "golden.db").read_bytes()
    with pytest.raises(NewerSchema, match="schema 99") as caught:
        Database(tmp_path, write=write)
    assert caught.value.exit_code == 9
    assert (tmp_path / "golden.db").read_bytes() == before


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    """Not a traceback, and not a new empty database in its place."""
    (tmp_path / "golden.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(StateUnusable, match="damaged"):
        Database(tmp_path, write=True)
    assert (tmp_path / "golden.db").read_bytes().startswith(b"this is no database")


def test_a_torn_journal_costs_only_what_was_not_committed(tmp_path: Path) -> None:
    """A write-ahead log whose tail is rubbish, as a power cut leaves it, is read up to its last whole commit."""
    database = Database(tmp_path, write=True)
    with database.writing("one") as execute:
        execute("INSERT INTO reference VALUES ('a', 'windows', 'local', 'now', 0, 0, 0)")
    wal = (tmp_path / "golden.db-wal").read_bytes()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "golden.db").write_bytes((tmp_path / "golden.db").read_bytes())
    (copy / "golden.db-wal").write_bytes(wal + b"\x37" * 3000)
    assert Database(copy, write=True).rows("SELECT name FROM reference") == [("a",)]


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    """The state folder cannot be made where a file is."""
    (tmp_path / "state").write_text("x")
    with pytest.raises(StateUnusable, match="cannot be used"):
        Database(tmp_path / "state", write=True)


def test_a_full_disk_undoes_the_transaction_and_says_so(tmp_path: Path) -> None:
    """What SQLite cannot write it takes back; the message says what to do."""
    database = Database(tmp_path, write=True)
    database.rows("PRAGMA max_page_count = 40")
    with pytest.raises(StateUnusable, match="no room left") as caught, database.writing("much") as execute:
        for number in range(1000):
            execute("INSERT INTO reference VALUES (?, ?, 'e', 'c', 0, 0, 0)", (f"r{number}", "x" * 4000))
    assert caught.value.exit_code == 10
    assert database.rows("SELECT count(*) FROM reference") == [(0,)]


def test_two_processes_may_make_it_at_once(tmp_path: Path) -> None:
    """Migrations are applied once, by whoever is first."""
    first, second = Database(tmp_path, write=True), Database(tmp_path, write=True)
    assert first.installation() == second.installation()


def test_many_processes_may_make_it_at_the_same_moment(tmp_path: Path) -> None:
    """Nobody is told that it is locked: whoever comes second waits."""
    script = (
        "import sys, pathlib; from golden.database import Database\nprint('ready', flush=True)\nsys.stdin.readline()\n"
        "for n in range(15): Database(pathlib.Path(sys.argv[1]) / str(n), write=True).close()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    pipe = subprocess.PIPE
    makers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(5)]
    for maker in makers:
        assert maker.stdout is not None and maker.stdout.readline() == "ready\n"
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    ends = [maker.communicate(timeout=60)[1] for maker in makers]
    assert ends == [""] * 5


def test_a_first_command_that_was_cut_off_left_no_state(tmp_path: Path) -> None:
    """A database without tables is told as none, with what to type; the next one that writes goes on."""
    tmp_path.joinpath("golden.db").touch()
    with pytest.raises(NotFound, match="yet") as caught:
        Database(tmp_path)
    assert caught.value.hint == "golden init"
    Database(tmp_path, write=True).close()
    Database(tmp_path).close()


def test_what_schema_1_wrote_is_written_anew_and_may_be_moved(tmp_path: Path) -> None:
    """Absolute paths of an older golden follow the folder too, once a newer one has written there."""
    state = tmp_path / "p" / "state"
    database = Database(state, write=True)
    with database.writing("as it was") as execute:
        execute("INSERT INTO reference VALUES ('a', 'windows', 'local', 'now', 1, 1, 0)")
        row = ("a", 1, None, "m", "VIRGIN", "now", "", 1, json.dumps({"path": f"{state}/x", "other": "/x"}))
        execute("INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        execute("PRAGMA user_version = 1")
    database.close()
    Database(state, write=True).close()
    (tmp_path / "p").rename(tmp_path / "q")
    moved = Database(tmp_path / "q" / "state")
    ((text,),) = moved.rows("SELECT record FROM version")
    assert moved.places.value(text) == {"path": str(tmp_path / "q/state/x"), "other": "/x"}
    moved.close()
