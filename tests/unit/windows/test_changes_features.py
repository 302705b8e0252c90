"""Apps, features, capabilities, and what is taken away: asked of the guest where its disk does not tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from golden.disk.raw import RawFile
from golden.errors import ChangeFailed, NotFound, ProofFailed, UsageError
from golden.guest.family import Wanted
from golden.model import Driver, GuestFacts
from tests.unit.windows.change_bench import FACTS, FAMILY, Bench
from tests.unit.windows.payloads import appx, package_name, update_cab
from tests.unit.windows.test_inf import NET, package


def facts(bench: Bench) -> GuestFacts:
    with RawFile(bench.disk()) as disk:
        return FAMILY.read(disk)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".msix", ".msixbundle"])
def test_an_app_is_provisioned_with_what_it_needs_and_taken_away_again(tmp_path: Path, ending: str) -> None:
    """For every user to come; its dependencies go with it; afterwards it can be removed, and is gone."""
    bench = Bench(tmp_path)
    needs = appx(tmp_path / "vclibs.appx", "Microsoft.VCLibs")
    wanted = Wanted("appx", appx(tmp_path / f"tool{ending}", "Golden.Tool"), options=(("dependency", str(needs)),))
    done, (change,) = bench.update(wanted)
    assert dict(change.traces)["provisioned"].startswith("Golden.Tool_1.2.3.0_")
    assert "staged on the disk" in bench.prove(change)[0]
    assert done.notes == ()
    _done, (gone,) = bench.update(Wanted("remove", name="appx:Golden.Tool"))
    assert bench.prove(gone) == ("not provisioned (asked before it was switched off)",)


@pytest.mark.slow
def test_an_app_that_is_refused_fails_with_the_guests_words(tmp_path: Path) -> None:
    """Its HRESULT in hex, the guest's words, and what may be missing."""
    bench = Bench(tmp_path, appx=0x80073CF3)
    with pytest.raises(ChangeFailed, match="0x80073cf3") as error:
        bench.update(Wanted("appx", appx(tmp_path / "tool.appx", "Golden.Tool")))
    assert "Deployment failed" in (error.value.details or "")
    assert "--dependency" in (error.value.hint or "")


def test_what_is_no_app_package_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """A page, another ZIP archive, another architecture, a manifest with entities, a damaged archive."""
    (tmp_path / "page.msix").write_text("<html></html>")
    import zipfile

    with zipfile.ZipFile(tmp_path / "other.appx", "w") as archive:
        archive.writestr("readme.txt", "x")
    whole = appx(tmp_path / "whole.appx", "Golden.Tool").read_bytes()
    (tmp_path / "cut.appx").write_bytes(whole[: len(whole) // 2])
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    for path, said in (
        (tmp_path / "page.msix", "looks like an HTML page"),
        (tmp_path / "other.appx", "no AppxManifest"),
        (tmp_path / "cut.appx", "damaged"),
        (appx(tmp_path / "arm.msix", "X", architecture="arm64"), "is for arm64, the guest is x86_64"),
        (appx(tmp_path / "arm.msixbundle", "X", architecture="arm64"), "is for arm64"),
        (appx(tmp_path / "bomb.appx", "X", doctype=bomb), "declares entities"),
        (appx(tmp_path / "nameless.appx", ""), "names no package"),
    ):
        with pytest.raises(UsageError, match=said):
            FAMILY.prepare(Wanted("appx", path), FACTS)
    prepared = FAMILY.prepare(Wanted("appx", appx(tmp_path / "any.appx", "X", architecture="neutral")), FACTS)
    assert [finding.id for finding in prepared.findings] == ["appx-drift"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("feature", "NetFx3", "optional feature: Enabled"),
        ("feature", "Web-Server", "role: Installed"),
        ("capability", "OpenSSH.Server~~~~0.0.1.0", "capability: Installed"),
    ],
)
def test_a_feature_is_turned_on_and_asked_for_after_its_restart(
    tmp_path: Path, kind: str, name: str, said: str
) -> None:
    """It is asked for before the guest is switched off, since no disk tells for certain."""
    bench = Bench(tmp_path, feature=[3010])
    _done, (change,) = bench.update(Wanted(kind, name=name))
    assert bench.line.boots == 1
    assert bench.prove(change) == (f"{said} (asked before it was switched off)",)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [("Web-Servre", 0, "no feature of that name"), ("NetFx3", 0x800F0954, "WSUS"), ("NetFx3", 0x800F081F, "--network")],
)
def test_a_feature_that_cannot_be_turned_on_says_why(tmp_path: Path, name: str, fault: int, said: str) -> None:
    """An unknown name, a policy, sources that are not there."""
    bench = Bench(tmp_path, **({"feature": fault} if fault else {}))
    with pytest.raises(ChangeFailed, match=said):
        bench.update(Wanted("feature", name=name))


@pytest.mark.slow
def test_a_driver_is_removed_by_the_name_it_came_with(tmp_path: Path) -> None:
    """It is looked up in what the version has, removed under its own name, and gone from the disk."""
    bench = Bench(tmp_path)
    driver = Wanted("driver", package(tmp_path / "driver", NET) / "example.inf")
    _done, (added,) = bench.update(driver)
    _done, (gone,) = bench.update(Wanted("remove", name="driver:example.inf"), facts=facts(bench))
    assert bench.prove(gone) == ("driver store: oem0.inf (example.inf) is gone",)
    with pytest.raises(ProofFailed, match="not in the driver store"):
        bench.prove(added)
    bench.update(driver)
    with pytest.raises(ProofFailed, match="still in the driver store"):
        bench.prove(gone)


@pytest.mark.slow
def test_a_package_is_removed_and_proved(tmp_path: Path) -> None:
    """Servicing has it installed no more; one that it does not know fails with DISM's words."""
    bench = Bench(tmp_path)
    name = package_name("Package_for_KB5031234")
    bench.update(Wanted("update", update_cab(tmp_path / "kb5031234.cab", "Package_for_KB5031234")))
    _done, (gone,) = bench.update(Wanted("remove", name=f"package:{name}"))
    assert bench.prove(gone) == (f"servicing: {name} is not installed",)
    with pytest.raises(ChangeFailed, match="0x800f0805"):
        bench.update(Wanted("remove", name=f"package:{name}"))


def test_what_cannot_be_meant_is_refused_before_anything_starts() -> None:
    """A name of another form, a driver that the version does not have, and two of the same name."""
    for wanted, said in (
        (Wanted("feature", name="a b"), "no name of a feature"),
        (Wanted("capability", name="x;y"), "no name of a capability"),
        (Wanted("remove", name="driver"), "nothing that golden can take away"),
        (Wanted("remove", name="program:7-Zip"), "nothing that golden can take away"),
        (Wanted("remove", name="package:a b"), "nothing that golden can take away"),
    ):
        with pytest.raises(UsageError, match=said):
            FAMILY.prepare(wanted, FACTS)
    net = Driver("net.inf", "oem3.inf", "Golden", "1.0.0.0")
    two = replace(FACTS, drivers=(net, replace(net, published="oem4.inf", version="2.0.0.0")))
    with pytest.raises(UsageError, match=r"2 drivers called net\.inf: oem3\.inf 1\.0\.0\.0, oem4\.inf"):
        FAMILY.prepare(Wanted("remove", name="driver:net.inf"), two)
    assert ("published", "oem4.inf") in FAMILY.prepare(Wanted("remove", name="driver:OEM4.INF"), two).change.arguments
    with pytest.raises(NotFound, match=r"no driver none\.inf") as error:
        FAMILY.prepare(Wanted("remove", name="driver:none.inf"), two)
    assert "net.inf (oem3.inf)" in (error.value.details or "")
