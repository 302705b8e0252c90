"""Changes that are the same in every family."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import ChangeFailed, GoldenError, NotFound, UsageError
from golden.guest.changes import applied, destinations, prepare_file, prepare_script, split_copy
from golden.guest.family import Applied, Wanted
from golden.guest.session import Ran
from golden.windows.dialect import WindowsDialect, is_plain


@pytest.mark.parametrize(
    ("text", "source", "destination"),
    [
        ("motd:/etc/motd", "motd", "/etc/motd"),
        (r"motd.txt:C:\motd.txt", "motd.txt", r"C:\motd.txt"),
        (r"D:\files\a.txt:C:\a.txt", r"D:\files\a.txt", r"C:\a.txt"),
        ("d:/files/a.txt:/srv/a.txt", "d:/files/a.txt", "/srv/a.txt"),
        ("a:/b", "a:/b", ""),
        ("x:y:z", "x", "y:z"),
    ],
)
def test_a_copy_is_split_at_the_first_colon_that_is_no_drive(text: str, source: str, destination: str) -> None:
    """SRC:DEST is split where a person would split it."""
    if not destination:
        with pytest.raises(UsageError, match="SOURCE:DESTINATION"):
            split_copy(text)
    else:
        assert split_copy(text) == (Path(source), destination)


@given(st.text(max_size=30))
def test_any_copy_is_split_or_refused(text: str) -> None:
    """Whatever is given, there are two halves or an error that says how."""
    try:
        source, destination = split_copy(text)
    except GoldenError as error:
        assert isinstance(error, UsageError)
    else:
        assert str(source)
        assert destination


def test_the_digest_follows_content_and_arguments(tmp_path: Path) -> None:
    """The same script with the same arguments is the same change; other bytes or arguments make another."""
    script = tmp_path / "a.ps1"
    script.write_text("exit 0")
    first = prepare_script(Wanted("script", script, arguments=("x",))).change
    assert first.files[0].sha256 == hashlib.sha256(b"exit 0").hexdigest()
    assert prepare_script(Wanted("script", script, arguments=("x",))).change == first
    assert prepare_script(Wanted("script", script, arguments=("y",))).change.digest != first.digest
    script.write_text("exit 1")
    assert prepare_script(Wanted("script", script, arguments=("x",))).change.digest != first.digest


def test_a_folder_is_taken_whole_and_a_link_in_it_is_refused(tmp_path: Path) -> None:
    """All files below a folder come with their relative names; links and special files are not followed."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_text("1")
    (tmp_path / "a" / "b" / "two").write_text("2")
    change = prepare_file(Wanted("file", tmp_path / "a"), "C:\\t").change
    assert [file.name for file in change.files] == ["b/two", "one"]
    assert [path for _, path in destinations(WindowsDialect().join, change)] == ["C:\\t\\b\\two", "C:\\t\\one"]
    (tmp_path / "a" / "link").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="link"):
        prepare_file(Wanted("file", tmp_path / "a"), "C:\\t")


def test_what_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    """A missing source, an empty folder, and a folder given as a script are told apart."""
    with pytest.raises(NotFound):
        prepare_file(Wanted("file", tmp_path / "none"), "C:\\t")
    with pytest.raises(NotFound):
        prepare_script(Wanted("script", tmp_path / "none.ps1"))
    with pytest.raises(UsageError, match="no files"):
        prepare_file(Wanted("file", tmp_path), "C:\\t")
    with pytest.raises(UsageError, match="not a plain file"):
        prepare_script(Wanted("script", tmp_path))


def test_a_destination_that_ends_in_a_slash_is_a_folder(tmp_path: Path) -> None:
    """With a slash at its end the destination is the folder to copy into."""
    (tmp_path / "x.txt").touch()
    for given_, path in (("C:\\in\\", "C:\\in\\x.txt"), ("C:\\in", "C:\\in")):
        change = prepare_file(Wanted("file", tmp_path / "x.txt"), given_).change
        assert [each for _, each in destinations(WindowsDialect().join, change)] == [path]


def test_exit_codes_mean_done_restart_or_failed(tmp_path: Path) -> None:
    """0 is done, 3010 and 1641 ask for a restart, anything else fails with the end of the output."""
    (tmp_path / "a.ps1").touch()
    change = prepare_script(Wanted("script", tmp_path / "a.ps1")).change
    assert applied(change, Ran(0, "", "")) == Applied()
    assert applied(change, Ran(3010, "", "")) == Applied(reboot=True)
    assert applied(change, Ran(1641, "", "")) == Applied(reboot=True)
    with pytest.raises(ChangeFailed, match=r"a\.ps1 ended with exit code -2147024891 \(0x80070005\)") as error:
        applied(change, Ran(-2147024891, "x" * 100_000 + "the end", "access denied"))
    assert "the end" in (error.value.details or "")
    assert "access denied" in (error.value.details or "")
    assert len(error.value.details or "") < 10_000


@pytest.mark.parametrize(
    ("path", "plain"),
    [(r"C:\Windows\Temp\golden\job-1", True), (r"C:\Program Files (x86)\A", True), (r"C:\Größe\x_1.2", True),
     (r"C:\a(1)", False), (r"C:\a&b", False), (r"C:\a%b", False), (r"C:\a b\..\c", False), ("C:\\a\nb", False),
     (r"C:\a^b", False), (r'C:\a"b', False), (r"C:", False), (r"a\b", False), (r"C:\a\ \b", False), ("C:\\a\n", False)],
)  # fmt: skip
def test_only_paths_that_mean_nothing_to_cmd_are_given_to_it(path: str, plain: bool) -> None:
    """A folder name with a character that cmd.exe understands never reaches its command line."""
    assert is_plain(path) is plain
    if not plain:
        for make in (WindowsDialect().make_folder, WindowsDialect().remove_folder):
            with pytest.raises(UsageError):
                make(path)


def test_the_argument_lists_are_constant() -> None:
    """Every list starts with a whole path of a program, and user data is only ever one argument of its own."""
    dialect = WindowsDialect()
    for argv in (
        dialect.make_folder("C:\\a b"), dialect.remove_folder("C:\\a b"), dialect.launch("C:\\l.ps1", "C:\\o"),
        dialect.shipped("C:\\s.ps1", "C:\\p", "C:\\r"), dialect.interpreter("C:\\x.cmd"), dialect.shut_down(),
        dialect.restart(),
    ):  # fmt: skip
        assert argv[0].startswith("C:\\Windows\\System32\\")
        assert argv[0].endswith(".exe")
    assert dialect.make_folder("C:\\a b").count("C:\\a b") == 2
    with pytest.raises(UsageError, match="cannot run"):
        dialect.interpreter("C:\\x.sh")
