"""golden's commands typed against the simulated Hyper-V host: over SSH, tried out, and checked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.bench import MATERIAL
from tests.e2e.hyperv_library_bench import URL
from tests.e2e.test_hyperv_killed import HyperVDesk
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.vmm import Vmm

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv typed")]

TOML = """
[endpoints.hv]
url = "{peer.ssh_url}"
key_file = "{peer.ssh_key}"
known_hosts_file = "{peer.known_hosts}"

[endpoints.winrm]
url = "{peer.url}"
user = "{peer.user}"
password_file = "password"
ca_file = "{peer.ca}"

[libraries.vmm]
url = "{url}"

[references.win2022.guest]
account = "{peer.guest_user}"
password_file = "guest-password"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HyperVDesk]:
    """A project whose endpoint is reached by SSH; VMM's commands need the other way to the same host."""
    folder = tmp_path_factory.mktemp("typed")
    with Peer(folder / "host") as peer:
        Vmm.install(peer)
        peer.seed("win2022-origin")
        path = folder / "project"
        (path / "drivers").mkdir(parents=True)
        for one in MATERIAL.glob("goldennet.*"):
            shutil.copyfile(one, path / "drivers" / one.name)
        shutil.copyfile(MATERIAL / "answers.xml", path / "answers.xml")
        for file, secret in (("password", peer.password), ("guest-password", peer.guest_password)):
            (path / file).write_text(secret)
        (path / "golden.toml").write_text(TOML.format(peer=peer, url=URL.replace("endpoint=hv", "endpoint=winrm")))
        made = HyperVDesk(path, peer)
        yield made
        made.assert_secret()


def names(place: HyperVDesk) -> list[str]:
    """All virtual machines of the host."""
    return sorted(one["name"] for one in place.peer.world.machines())


@pytest.fixture(scope="module")
def adopted(place: HyperVDesk) -> HyperVDesk:
    """The same, with the reference win2022."""
    place.does("adopt", "win2022", "--from", "win2022-origin", "--os", "windows", "--endpoint", "hv")
    return place


def published(place: HyperVDesk, state: str) -> None:
    """The newest image is as it should be, and in VMM's library; everything went over SSH, and all is clean."""
    log = place.log()
    assert {one["state"] for one in log["versions"]} == {"VIRGIN"}
    image = log["images"][-1]
    assert (image["state"], [one["library"] for one in image["publications"]]) == (state, ["vmm"])
    templates = {one["name"]: one["enabled"] for one in Vmm(place.peer.folder).read()["templates"].values()}
    (name,) = [name for name in templates if name.startswith(f"win2022-i{image['number']}-")]
    assert templates[name] is True
    assert {each.transport for each in place.peer.requests("New-VM")} == {"ssh"}
    place.assert_clean()


def test_an_image_over_ssh(adopted: HyperVDesk) -> None:
    """A machine is adopted, captured as it is, and published: the short way, without a guest that runs."""
    adopted.does("capture", "win2022", "--seal", "none", "--to", "vmm")
    published(adopted, "VIRGIN")


def test_doctor_names_every_record_that_cannot_be_read(adopted: HyperVDesk) -> None:
    """Those of a version and of an image, each with its file; what else there is to say is said too."""
    if not adopted.log()["images"]:
        adopted.does("capture", "win2022", "--seal", "none")
    records = [*adopted.peer.drive("C:\\golden").glob("*/*.golden.json")]
    whole = {one: one.read_text() for one in records}
    assert {one.parent.name for one in records} == {"machines", "images"}
    for one in records:
        one.write_text("\0" * len(whole[one]))
    told = adopted.golden("doctor", "-o", "json")
    for one, text in whole.items():
        one.write_text(text)
    found = [each["sentence"] + each["evidence"] for each in told.data["findings"] if each["id"] == "tampered"]
    assert sorted(one.name for one in records) == sorted(
        one.name for one in records if any(one.name in sentence for sentence in found)
    )
    adopted.assert_clean()


@pytest.mark.thorough  # Several boots; the same over WSMan is the demo's tour.
def test_the_whole_main_job_over_ssh(adopted: HyperVDesk) -> None:
    """Adopt, update, capture, publish: versions stay VIRGIN, the image is sealed and in VMM's library, all is clean."""
    adopted.does("update", "win2022", "--add", "drivers/goldennet.inf")
    adopted.does("capture", "win2022", "--answer-file", "answers.xml", "--to", "vmm")
    published(adopted, "SEALED")
    adopted.does("verify", "win2022", "--deep")


def test_the_endpoint_is_checked_with_the_libraries_that_lie_on_it(place: HyperVDesk) -> None:
    """The library shares of VMM are named; a URL whose share is not there, or that has none, is an error with them."""
    told = place.does("endpoint", "check", "winrm", "-o", "json").data
    found = {one["id"]: one for one in told["findings"]}
    assert found["scvmm-shares"]["sentence"].endswith("has the library shares \\\\files\\library")
    assert "error" not in {one["severity"] for one in told["findings"]}
    for word in ("MaxShellsPerUser", "5.1", "Get-VMHost", "-VMId", "OpenSSH"):
        assert any(word in one["sentence"] for one in told["findings"]), word
    for url, saying in (("vmm01/libary", "no library share libary"), ("vmm01", "its URL names no library share")):
        added = place.does("library", "add", "odd", f"scvmm://{url}?endpoint=winrm")
        assert "golden endpoint check winrm" in added.err
        odd = place.golden("endpoint", "check", "winrm")
        assert (odd.code, saying in odd.out, "\\\\files\\library" in odd.out) == (4, True, True), odd.said
        place.does("library", "remove", "odd")
    Vmm(place.peer.folder).set(answers=False)
    away = place.golden("endpoint", "check", "winrm")
    Vmm(place.peer.folder).set(answers=True)
    assert (away.code, "library vmm: connecting to the VMM server" in away.out) == (4, True), away.said
    assert "scvmm-shares" not in place.does("endpoint", "check", "hv", "-o", "json").out


@pytest.mark.timeout(1800)
@pytest.mark.thorough  # Every promise of the contract; the folder of a trial, killed too, in tests/unit/hyperv.
def test_selftest_keeps_every_promise_and_leaves_nothing(place: HyperVDesk) -> None:
    """Killed in its middle ordinary commands do not see it; the next one takes that away, and itself."""
    typed = ("selftest", "winrm", "--from", "win2022-origin", "--os", "windows", "-o", "json")
    before = names(place)
    going = place.begin(*typed)
    going.until(lambda: len(names(place)) > len(before), "making a machine")
    going.kill()
    assert len(trials(place)) == 1
    assert "selftest-" not in place.does("doctor", "-o", "json").out
    told = place.golden(*typed, seconds=1500)
    promises = told.data["promises"]
    assert [f"{one['name']}: {one['words']}" for one in promises if not one["kept"]] == []
    assert (told.code, len(promises) > 40) == (0, True)
    assert (names(place), trials(place)) == (before, [])


def trials(place: HyperVDesk) -> list[str]:
    """Folders of trials on the host."""
    return [one.name for one in place.peer.drive("C:\\golden").glob("selftest-*")]
