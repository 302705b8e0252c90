"""Where logs are found: folders, a whole Windows, archives, and what is refused."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path

import pytest

from golden.errors import GoldenError, NotFound, UsageError
from golden.windows.explain.explanation import explain
from tests.unit.windows import logs

PANTHER = "Windows/System32/Sysprep/Panther/setupact.log"


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_whole_drive_is_read_where_windows_keeps_its_logs(tmp_path: Path) -> None:
    """The known places of a copied C: are read in any case, sysprep leads, and others add what they know."""
    put(tmp_path / PANTHER.upper(), logs.APPX_FAILURE)
    put(tmp_path / "WINDOWS/INF/setupapi.dev.log", logs.DEVICE_LOG_HEAD + logs.driver("netx.inf", logs.UNSIGNED))
    put(tmp_path / "WINDOWS/Logs/CBS/CBS.log", logs.CBS_FAILURE)
    put(tmp_path / "WINDOWS/Temp/setupact.log", logs.SUCCESS.replace(b"2026-", b"2027-"))
    told = explain([str(tmp_path)])
    assert (told.verdict, told.cause and told.cause.id) == ("failed", "appx-not-provisioned")
    assert [(cause.log, cause.blame) for cause in told.also] == [("setupapi", "netx.inf"), ("cbs", logs.ROLLUP)]
    assert {log.kind for log in told.logs} == {"sysprep", "setupapi", "cbs"}
    assert told.usable is True
    assert explain([str(tmp_path / "WINDOWS")]).cause == told.cause._replace(  # type: ignore[union-attr]
        evidence=tuple(
            quote._replace(file=quote.file.removeprefix("WINDOWS/"))
            for quote in told.cause.evidence  # type: ignore[union-attr]
        )
    )


def test_a_support_bundle_is_searched_by_name_and_content(tmp_path: Path) -> None:
    """Logs anywhere in a folder are found, under other names as well; other files do not disturb."""
    put(tmp_path / "host1/a/b/host1-setupact.log", logs.APPX_FAILURE)
    put(tmp_path / "host1/agent.log", logs.MSI_FAILURE)
    put(tmp_path / "host1/notes.log", b"nothing of interest\n")
    put(tmp_path / "host1/picture.png", b"\x89PNG")
    put(tmp_path / "host1/setuperr.log", b"\x7fELF\0\0\0\0")
    told = explain([str(tmp_path)])
    assert [(log.file, log.kind) for log in told.logs] == [
        ("host1/agent.log", "msi"),
        ("host1/a/b/host1-setupact.log", "sysprep"),
    ]
    assert told.skipped == ("host1/setuperr.log is not what it is called",)


def test_setuperr_is_read_only_where_setupact_is_missing(tmp_path: Path) -> None:
    """setuperr.log repeats setupact.log's errors without what judges a run."""
    errors = b"".join(row for row in logs.APPX_FAILURE.splitlines(keepends=True) if b", Error" in row)
    put(tmp_path / "setuperr.log", errors)
    assert explain([str(tmp_path)]).logs[0].file == "setuperr.log"
    put(tmp_path / "setupact.log", logs.SUCCESS)
    told = explain([str(tmp_path)])
    assert (told.verdict, [log.file for log in told.logs]) == ("succeeded", ["setupact.log"])


def test_the_newest_run_of_several_logs_leads(tmp_path: Path) -> None:
    """Of several logs of sysprep the one with the newest run gives the verdict."""
    put(tmp_path / "old/setupact.log", logs.APPX_FAILURE)
    put(tmp_path / "new/setupact.log", logs.run(*logs.GOOD_END, day="2026-03-22"))
    assert explain([str(tmp_path)]).verdict == "succeeded"
    assert explain([str(tmp_path / "new"), str(tmp_path / "old")]).verdict == "succeeded"


def test_a_first_boot_that_failed_after_sysprep_is_the_verdict(tmp_path: Path) -> None:
    """Where sysprep succeeded and the first boot failed later, that is what went wrong; an older failure is not."""
    put(tmp_path / PANTHER, logs.SUCCESS)
    boot = put(tmp_path / "Windows/Panther/setupact.log", logs.panther(logs.PARSE_FAILURE))
    told = explain([str(tmp_path)])
    assert (told.verdict, told.phase, told.usable) == ("failed", "specialize", False)
    boot.write_bytes(logs.panther(logs.PARSE_FAILURE, day="2020-01-01"))
    assert explain([str(tmp_path)]).verdict == "succeeded"


@pytest.mark.parametrize("names", [("setupact.log",), ("setupact.log", "setuperr.log"), ("setuperr.log",)])
def test_a_good_first_boot_with_lines_of_syspreps_providers_changes_nothing(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Setup's own logs hold SYSPRP lines in healthy machines; a sealed machine that booted well stays sealed."""
    boot = logs.panther(*logs.FIRST_BOOT)
    errors = b"".join(row for row in boot.splitlines(keepends=True) if b", Error" in row)
    put(tmp_path / PANTHER, logs.SUCCESS)
    for name in names:
        put(tmp_path / f"Windows/Panther/{name}", errors if "err" in name else boot)
    told = explain([str(tmp_path)])
    assert (told.verdict, told.usable, told.also) == ("succeeded", None, ())
    assert {log.kind for log in told.logs} == {"sysprep", "setup"}
    for name in names:
        assert explain([str(tmp_path / "Windows/Panther" / name)]).verdict == "nothing-found"


def test_a_first_boot_that_died_in_a_provider_is_no_run_of_sysprep(tmp_path: Path) -> None:
    """Such a log is full of SYSPRP lines; the machine was sealed well, and its first boot spoiled it."""
    put(tmp_path / "sealed/setupact.log", logs.SUCCESS)
    died = put(tmp_path / "boot/setupact.log", logs.panther(*logs.FIRST_BOOT, *logs.SPECIALIZE_FAILURE))
    for paths in ([str(tmp_path)], [str(died)]):
        told = explain(paths)
        assert (told.verdict, told.cause and told.cause.id, told.usable) == ("failed", "specialize-part", False)


def test_a_piece_of_syspreps_log_is_syspreps(tmp_path: Path) -> None:
    """Lines that somebody cut out of it are read as what they are, without the frame of a run."""
    lines = logs.APPX_FAILURE.splitlines(keepends=True)
    piece = put(tmp_path / "mail.log", b"".join(row for row in lines if b", Error" in row and b"WinMain" not in row))
    assert explain([str(piece)]).cause is not None
    assert [log.kind for log in explain([str(piece)]).logs] == ["sysprep"]


def test_a_zip_is_read_without_unpacking_it(tmp_path: Path) -> None:
    """An archive's logs are read as a stream, with their names in it as evidence."""
    with zipfile.ZipFile(tmp_path / "logs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Panther/setupact.log", logs.APPX_FAILURE)
        archive.writestr("readme.txt", "hello")
        archive.writestr("../../evil.log", "hello")
    before = sorted(tmp_path.rglob("*"))
    told = explain([str(tmp_path / "logs.zip")])
    assert told.cause is not None
    assert told.cause.evidence[0].file == "logs.zip/Panther/setupact.log"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_is_refused_at_once(tmp_path: Path) -> None:
    """An archive that claims, or turns out, to be far larger than any log is refused before it takes long."""
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("setupact.log", "w") as member:
        for _ in range(80):
            member.write(bytes(1 << 20))
    with pytest.raises(UsageError, match="unpacks to more"):
        explain([str(bomb)])


def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path: Path) -> None:
    """Where the archive says a member is small, no more than that is unpacked of it."""
    liar = tmp_path / "liar.zip"
    with zipfile.ZipFile(liar, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("setupact.log", logs.SUCCESS + bytes(90 << 20))
    data = bytearray(liar.read_bytes())
    struct.pack_into("<I", data, data.rindex(b"PK\x01\x02") + 24, 5000)
    liar.write_bytes(data)
    with pytest.raises(UsageError):
        explain([str(liar)])


def test_an_encrypted_archive_is_said_to_be_one(tmp_path: Path) -> None:
    """Nobody is asked for a password; what to do is told."""
    path = tmp_path / "secret.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("setupact.log", logs.SUCCESS)
    data = bytearray(path.read_bytes())
    for head, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(head) + at] |= 1
    path.write_bytes(data)
    with pytest.raises(UsageError, match="is encrypted") as met:
        explain([str(path)])
    assert "unpack it" in (met.value.hint or "")


@pytest.mark.parametrize("cut", [10, 60, 300, 400])
def test_a_damaged_archive_is_said_to_be_one(tmp_path: Path, cut: int) -> None:
    """A cut or scrambled archive is a usage error, whatever of it is left."""
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("setupact.log", logs.APPX_FAILURE * 5)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    with pytest.raises(UsageError):
        explain([str(path)])
    path.write_bytes(whole[:50] + bytes(20) + whole[70:])
    with pytest.raises(UsageError):
        explain([str(path)])


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("setupact.log", b"", "is empty"),
        ("setupact.log", b"\xff\xfe", "is empty"),
        ("a.log", b"words about nothing\n", "is no log"),
        ("CBS.log", b"\x89PNG\r\n\x1a\n\0\0\0", "is no log"),
        ("setupact.log", b"MZ\x90\0\x03\0\0\0", "is no log"),
    ],
)
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    """A named file that holds no log is a usage error that tells which are known."""
    with pytest.raises(UsageError, match=said) as met:
        explain([str(put(tmp_path / name, data))])
    assert "setupapi.dev.log" in (met.value.details or "")


def test_what_is_not_there_and_what_holds_nothing_are_told_apart(tmp_path: Path) -> None:
    """Nothing at the path is NotFound; a folder or archive without logs is a usage error with what was looked for."""
    with pytest.raises(NotFound):
        explain([str(tmp_path / "nope")])
    with pytest.raises(UsageError, match="no log that golden knows") as met:
        explain([str(tmp_path)])
    assert "CBS.log" in (met.value.details or "")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(UsageError, match="no log that golden knows"):
        explain([str(tmp_path / "empty.zip")])
    with pytest.raises(GoldenError):
        explain(["\0"])


def test_links_and_pipes_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    """A folder that links to itself has an end, and a pipe called like a log is not waited for."""
    (tmp_path / "again").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "CBS.log")
    put(tmp_path / "setupact.log", logs.APPX_FAILURE)
    assert [log.file for log in explain([str(tmp_path)]).logs] == ["setupact.log"]
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        explain([str(tmp_path / "CBS.log")])
