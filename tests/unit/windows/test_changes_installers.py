"""Installers: what a file really is, how it is called, what its exit codes mean, and what it left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from golden.errors import ChangeFailed, GoldenError, NotFound, ProofFailed, UsageError
from golden.guest.family import Wanted
from golden.windows.changes import msi_tables
from golden.windows.changes.command_line import success_codes
from tests.unit.windows.change_bench import FACTS, FAMILY, Bench
from tests.unit.windows.payloads import msi, program

PRODUCT = "{11111111-2222-3333-4444-555555555555}"
PROPERTIES = {"ProductCode": PRODUCT, "ProductName": "Größe 7", "ProductVersion": "7.1.0", "Manufacturer": "golden"}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One package for x64; msibuild takes a while."""
    return msi(tmp_path_factory.mktemp("msi") / "agent.msi", PROPERTIES, record="C:\\properties.txt")


def test_a_package_says_what_it_is(package: Path, tmp_path: Path) -> None:
    """Its properties and its platform are read from the tables that msibuild wrote."""
    told = msi_tables.read(package)
    assert {name: told.properties[name] for name in PROPERTIES} == PROPERTIES
    assert told.architecture == "x86_64"
    assert msi_tables.read(msi(tmp_path / "x.msi", PROPERTIES, "Intel;1033")).architecture == "x86"


@settings(max_examples=200, deadline=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_package_is_told_or_read(package: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Whatever is changed in a package or cut from it, there is an answer or an error of ours."""
    content = bytearray(package.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    broken = tmp_path / "broken.msi"
    broken.write_bytes(content[: data.draw(st.integers(8, len(content)))])
    try:
        msi_tables.read(broken)
    except GoldenError as error:
        assert isinstance(error, UsageError)


@pytest.mark.slow
def test_a_package_is_installed_with_its_properties_and_proved(tmp_path: Path, package: Path) -> None:
    """The product is below Uninstall with its version; its log is kept; what was given reaches it as it is."""
    bench = Bench(tmp_path)
    wanted = Wanted("msi", package, options=(("args", 'SERVER="a b" MODE=full'),))
    done, (change,) = bench.update(wanted)
    assert bench.prove(change) == (f"Uninstall: {PRODUCT} Größe 7 7.1.0",)
    assert done.notes == ()
    (log,) = (tmp_path / "logs").glob("*agent.log")
    assert "Return value 1" in log.read_text(encoding="utf-16")
    assert "MODE=full" in bench.line.host("C:\\properties.txt").read_text()
    with pytest.raises(ProofFailed, match="is not installed"):
        Bench(tmp_path / "clean").prove(change)


@pytest.mark.slow
def test_another_installation_is_waited_for(tmp_path: Path, package: Path) -> None:
    """1618 is tried again until the other one has ended."""
    bench = Bench(tmp_path, msiexec=[1618, 0])
    _done, (change,) = bench.update(Wanted("msi", package))
    assert PRODUCT in bench.prove(change)[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "said"),
    [(1603, "CustomAction Broken returned"), (1638, "another version of the product"), (1625, "a policy")],
)
def test_a_failed_package_is_told_with_its_meaning_and_the_failed_action(
    tmp_path: Path, package: Path, code: int, said: str
) -> None:
    """The code's sentence, and for a fatal error the lines of the log that name the action."""
    with pytest.raises(ChangeFailed, match=f"exit code {code}") as error:
        Bench(tmp_path, msiexec=code).update(Wanted("msi", package))
    assert said in f"{error.value.brief}\n{error.value.details}"
    assert "agent.log" in (error.value.details or "")


@pytest.mark.slow
def test_a_set_up_program_is_called_as_its_maker_says(tmp_path: Path) -> None:
    """Arguments reach it as typed, its own success codes count, and what it added below Uninstall is proved."""
    bench = Bench(tmp_path)
    path = program(
        tmp_path / "7z setup.exe", key="7-Zip", name="7-Zip", version="24.9", wants="/S /D=C:\\7z", exit=42, wow64=True
    )
    options = (("args", "/S /D=C:\\7z"), ("ok-codes", "0,42"))
    _done, (change,) = bench.update(Wanted("setup", path, options=options))
    assert ("program", "7-Zip") in change.traces
    assert bench.prove(change) == ("Uninstall: 7-Zip 7-Zip 24.9",)
    with pytest.raises(ChangeFailed, match="exit code 42"):
        bench.update(Wanted("setup", path, options=options[:1]))
    quiet = program(tmp_path / "quiet.exe")
    _done, (other,) = bench.update(Wanted("setup", quiet))
    assert bench.prove(other) == ("exit code 0; it made no key below Uninstall",)


@pytest.mark.slow
def test_a_set_up_that_asks_for_a_restart_gets_it(tmp_path: Path) -> None:
    """3010 and 1641 are success by convention."""
    bench = Bench(tmp_path)
    bench.update(Wanted("setup", program(tmp_path / "x.exe", key="X", exit=3010)))
    assert bench.line.boots == 1


def test_what_is_no_installer_is_refused_before_anything_starts(tmp_path: Path, package: Path) -> None:
    """A page, a program, and a text that are called .msi; a script that is called .exe; a damaged package."""
    page = tmp_path / "page.msi"
    page.write_bytes(b"\xef\xbb\xbf\r\n<html><head><title>403 Forbidden</title></head></html>")
    (tmp_path / "script.exe").write_text("#!/bin/sh\n")
    (tmp_path / "program.msi").write_bytes(program(tmp_path / "p.exe").read_bytes())
    (tmp_path / "cut.msi").write_bytes(package.read_bytes()[:700])
    (tmp_path / "nothing.msi").touch()
    for path, said in (
        (page, "no package of the Windows Installer: it looks like an HTML page"),
        (tmp_path / "program.msi", "looks like a Windows program"),
        (tmp_path / "cut.msi", "damaged"),
        (tmp_path / "nothing.msi", "empty"),
    ):
        with pytest.raises(UsageError, match=said):
            FAMILY.prepare(Wanted("msi", path), FACTS)
    with pytest.raises(UsageError, match="it looks like text"):
        FAMILY.prepare(Wanted("setup", tmp_path / "script.exe"), FACTS)
    with pytest.raises(NotFound):
        FAMILY.prepare(Wanted("msi", tmp_path / "none.msi"), FACTS)


def test_installers_for_another_architecture_are_refused(tmp_path: Path, package: Path) -> None:
    """A package or program that this Windows cannot run is named before anything starts; 32 bit on 64 bit is fine."""
    with pytest.raises(UsageError, match=r"agent\.msi is for x86_64, the guest is x86"):
        FAMILY.prepare(Wanted("msi", package), replace(FACTS, architecture="x86"))
    with pytest.raises(UsageError, match="is for arm64, the guest is x86_64"):
        FAMILY.prepare(Wanted("setup", program(tmp_path / "a.exe", "arm64")), FACTS)
    assert FAMILY.prepare(Wanted("setup", program(tmp_path / "b.exe", "x86")), FACTS)


@pytest.mark.parametrize("text", ["", "0,", "a", "99999999999", "0;3010"])
def test_success_codes_are_numbers(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(UsageError, match="--ok-codes"):
        success_codes(Wanted("setup", options=(("ok-codes", text),)))
