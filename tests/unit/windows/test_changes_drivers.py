"""Drivers, scripts and files with awkward names, encodings and endings, through the guest and back to its disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import ChangeFailed, UsageError
from golden.guest.family import Wanted
from tests.unit.windows.catalogs import catalog
from tests.unit.windows.change_bench import FACTS, FAMILY, Bench

INF = """\
[Version]
Signature   = "$WINDOWS NT$"
Class       = Net
ClassGuid   = {4d36e972-e325-11ce-bfc1-08002be10318}
Provider    = %Größe%
DriverVer   = 06/21/2024,1.2.3.4
CatalogFile.NTamd64 = agent%%64.cat  ; decorated, with a percent sign of its own
[Manufacturer]
%Größe% = Models, NTamd64.10.0...16299, NTarm64
[Models.NTamd64.10.0...16299]
%Device% = Install, PCI\\VEN_1AF4&DEV_1000
[Models.NTarm64]
%Device% = Install, PCI\\VEN_1AF4&DEV_1000
[Install.NTamd64]
CopyFiles = Copied
[Copied]
agent.sys,,,2
[SourceDisksNames]
1 = %Disk%
[SourceDisksNames.amd64]
1 = %Disk%,,,\\x64
[SourceDisksFiles]
agent.sys = 1
[Strings]
Größe = "Größe; & Söhne" ; a semicolon in quotes
Device = "Agent ""Net"" card"
Disk = "Disk"
"""


@pytest.mark.slow
def test_an_inf_in_utf_16_with_strings_and_decorated_sections_goes_all_the_way(tmp_path: Path) -> None:
    """Its files are found where its decorated sections say, it is added, and the same bytes are on the disk."""
    folder = tmp_path / "driver"
    (folder / "x64").mkdir(parents=True)
    (folder / "agent.inf").write_bytes(INF.encode("utf-16"))
    (folder / "agent%64.cat").write_bytes(catalog(INF.encode("utf-16")))
    (folder / "x64" / "agent.sys").write_bytes(b"a driver")
    bench = Bench(tmp_path)
    (prepared,) = bench.prepare(Wanted("driver", folder / "agent.inf"))
    assert {file.name for file in prepared.change.files} == {"agent.inf", "agent%64.cat", "x64/agent.sys"}
    assert prepared.findings == ()
    bench.apply(prepared)
    assert "driver store: agent.inf_amd64_" in bench.prove(prepared.change)[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0xE000022F, "no catalog, so it counts as unsigned"),
        (0xE0000242, "--add publisher.cer --store TrustedPublisher"),
        (0x800B0109, "a root that is not trusted"),
    ],
)
def test_an_unsigned_driver_is_warned_of_and_refused_with_its_meaning(tmp_path: Path, code: int, said: str) -> None:
    """Before anything starts it is a warning; what the guest refuses it with is told in words."""
    folder = tmp_path / "driver"
    (folder / "x64").mkdir(parents=True)
    (folder / "agent.inf").write_text(INF.replace("CatalogFile.NTamd64 = agent%%64.cat", ""), encoding="utf-8")
    (folder / "x64" / "agent.sys").write_bytes(b"a driver")
    bench = Bench(tmp_path, pnputil=code)
    (prepared,) = bench.prepare(Wanted("driver", folder / "agent.inf"))
    assert [finding.id for finding in prepared.findings] == ["driver-unsigned"]
    with pytest.raises(ChangeFailed, match=f"{code:#x}") as error:
        bench.apply(prepared)
    assert said in error.value.brief


@pytest.mark.slow
@pytest.mark.parametrize("name", ['it\'s "quoted" & 100% Größe ünd 日本.ps1', "a b.ps1"])
def test_a_script_may_have_any_name_and_arguments(tmp_path: Path, name: str) -> None:
    """Quotes, blanks, unicode and percent signs in its name and its arguments reach the script as they are."""
    script = tmp_path / name
    script.write_bytes(
        b"$ErrorActionPreference = 'Stop'\n"
        b"Set-Content -Path C:\\one.txt -Value $args[0]\nSet-Content -Path C:\\two.txt -Value $args[1]\n"
    )
    bench = Bench(tmp_path)
    arguments = ('it\'s "so" & 100% %PATH% Größe 日本', "C:\\with a slash\\")
    _done, (change,) = bench.update(Wanted("script", script, arguments=arguments))
    assert change.name == name
    for file, argument in zip(("one.txt", "two.txt"), arguments, strict=True):
        assert bench.line.host(f"C:\\{file}").read_text().rstrip("\r\n") == argument
    assert bench.prove(change) == ("exit code 0",)


def test_what_a_batch_file_would_understand_otherwise_is_refused(tmp_path: Path) -> None:
    """cmd.exe reads arguments as part of a command line: a percent sign or a quote is refused, not changed."""
    script = tmp_path / "x.cmd"
    script.touch()
    for argument in ("100%", 'a"b', "a&b", "a^b", "a!b", "a\nb"):
        with pytest.raises(UsageError, match="means something to cmd"):
            FAMILY.prepare(Wanted("script", script, arguments=(argument,)), FACTS)


@pytest.mark.slow
@pytest.mark.parametrize("after", [True, False])
def test_a_restart_that_nobody_asked_for_is_noticed_and_judged(tmp_path: Path, after: bool) -> None:
    """A script that has the guest restart: under it, it failed; after it had ended well, that is said."""
    bench = Bench(tmp_path)
    script = tmp_path / "x.cmd"
    wait = "" if after else "ping.exe -n 60 127.0.0.1 > nul\r\n"
    script.write_bytes(f"@echo off\r\nshutdown.exe /r /t 0\r\n{wait}exit /b 0\r\n".encode())
    (tmp_path / "motd.txt").write_text("hello")
    wanted = (Wanted("file", tmp_path / "motd.txt", "C:\\motd.txt"), Wanted("script", script))
    if after:
        done, _changes = bench.update(*wanted)
        assert any("the guest restarted by itself" in note for note in done.notes)
    else:
        with pytest.raises(ChangeFailed, match="the guest restarted before it had ended"):
            bench.update(*wanted)
    assert bench.line.boots == 1
