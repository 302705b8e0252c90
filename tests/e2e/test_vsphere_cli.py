"""Every command that golden has for an endpoint, typed against the simulated vCenter."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.vsphere_desk import SOURCE, VsphereDesk, vsphere_desk

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("vsphere commands")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VsphereDesk]:
    """One project, whose reference has one version in the beginning."""
    with vsphere_desk(tmp_path_factory.mktemp("typed"), "win2022") as made:
        yield made
        made.assert_clean("win2022")
        made.assert_secret()


@pytest.mark.thorough  # Its promises are kept in test_vsphere_contract.py, its folder in tests/unit/vsphere.
def test_selftest_keeps_every_promise_and_leaves_nothing(place: VsphereDesk) -> None:
    """In a folder of its own, which is gone afterwards; the guest's account is that of the only reference."""
    before, made = place.names(), len(place.peer.requests("CreateFolder"))
    told = place.golden("selftest", "vc", "--from", SOURCE, "--os", "windows", "-o", "json")
    promises = told.data["promises"]
    assert [f"{one['name']}: {one['words']}" for one in promises if not one["kept"]] == []
    assert (told.code, len(promises) > 40) == (0, True)
    assert place.names() == before
    assert len(place.peer.requests("CreateFolder")) > made
    assert [name for name in place.folders() if "selftest" in name] == []


def test_selftest_names_what_it_lacks(place: VsphereDesk) -> None:
    """A reference that golden.toml does not know, and a machine that vCenter does not."""
    args = ("--from", SOURCE, "--os", "windows")
    place.fails(13, "selftest", "vc", *args, "--guest", "nobody", saying=("[references.nobody.guest]", "win2022"))


def test_the_endpoint_is_checked(place: VsphereDesk) -> None:
    """Versions and rights; hosts that golden has no way to are warnings, and warnings are no failure."""
    told = place.does("endpoint", "check", "vc", "-o", "json").data
    found = {one["id"]: one["severity"] for one in told["findings"]}
    assert found["vsphere-version"] == "info"
    assert "error" not in found.values()


def test_a_check_looks_in_a_clone_and_leaves_nothing(place: VsphereDesk) -> None:
    """In the running clone; the offline way is refused with the one that works."""
    before = place.names()
    told = place.does("check", "win2022", "-o", "json").data
    assert (told["fit"], told["ways"]) == (True, ["online"])
    assert place.names() == before
    place.fails(2, "check", "win2022", "--offline", saying=("shows golden no disks", "golden check win2022@v1"))


def test_a_rehearsal_seals_a_clone_and_throws_it_away(place: VsphereDesk) -> None:
    """Proved in the guest, and said so; no image comes of it, and the reference stays VIRGIN."""
    before = place.names()
    told = place.does("check", "win2022", "--rehearse", "-o", "json").data
    assert told["proof"]["way"] == "guest"
    assert place.names() == before
    assert [one["state"] for one in place.log()["versions"]] == ["VIRGIN"]
    assert place.log()["images"] == []


def test_verify_says_what_was_really_read(place: VsphereDesk) -> None:
    """A version's disks are hashed over the datastore; of an image, whose bytes vCenter keeps, that is not claimed."""
    place.does("capture", "win2022", "--answer-file", "answers.xml", "--to", "templates")
    assert ["power", "on, shut down, off"] in place.log()["images"][0]["proof"]["signals"]
    cheap = place.does("verify", "win2022").out
    assert "hashes every byte" in cheap
    version, image = place.does("verify", "win2022", "--deep").out.splitlines()
    assert ("win2022@v1" in version, "every byte hashed" in version) == (True, True)
    assert "win2022@i1" in image
    assert "hashed" not in image
    assert "its bytes lie on the endpoint, which shows golden none; read back from templates" in image
    data = place.does("verify", "win2022", "--deep", "-o", "json").data["verified"]
    assert [(one["hashed"] == len(one["files"]), one["read_back"]) for one in data] == [
        (True, []),
        (False, ["templates"]),
    ]


def test_an_image_that_somebody_took_away_is_missed(place: VsphereDesk) -> None:
    """By verify and doctor; a newer one, and the old record goes with prune."""
    place.does("capture", "win2022", "--seal", "none")
    image = place.log()["images"][-1]
    place.destroy(image["name"])
    place.fails(13, "verify", f"win2022@i{image['number']}", saying=("is not there any more",))
    assert place.golden("doctor").code == 4
    place.does("capture", "win2022", "--seal", "none")
    place.does("prune", "win2022", "--keep", "1", "-y")
    assert image["number"] not in {one["number"] for one in place.log()["images"]}


def test_what_nobody_owns_is_taken_away_by_gc(place: VsphereDesk) -> None:
    """A machine with golden's mark that neither catalog nor journal know; with --dry-run it is only named."""
    before = place.names()
    name = place.leaked()
    assert place.golden("doctor").code == 4
    assert name in place.does("gc", "--dry-run").out
    assert place.names() - before == {name: 1}
    place.does("gc")
    assert place.names() == before


def test_resume_with_nothing_open_is_no_failure(place: VsphereDesk) -> None:
    """And says so; the jobs that were are listed."""
    place.does("resume")
    jobs = json.loads(place.does("jobs", "-o", "json").out)["data"]
    assert jobs


def test_an_endpoint_is_added_by_its_url(place: VsphereDesk) -> None:
    """What is still missing is said by its check, with the lines to write; a password in a URL is refused."""
    url = f"vsphere://{place.peer.host}:{place.peer.port}/DC0/other"
    place.does("endpoint", "add", "bare", url)
    told = place.golden("endpoint", "check", "bare")
    assert told.code == 4
    assert [word for word in ("needs one way to log in", "password_env") if word not in told.out] == []
    place.does("endpoint", "remove", "bare")
    more = f"user={place.peer.user}&password_file=vc-password&ca_file={place.peer.ca}"
    place.does("endpoint", "add", "whole", f"{url}?{more}")
    assert place.does("endpoint", "check", "whole", "-o", "json").data["findings"]
    place.does("endpoint", "remove", "whole")
    place.fails(2, "endpoint", "add", "leaky", "vsphere://golden:hunter2@vc/DC0", saying=("password",))


THOROUGH = pytest.mark.thorough
STARTED = [
    pytest.param("VmPoweredOnEvent", marks=THOROUGH),
    "VmResettingEvent",
    pytest.param("VmGuestRebootEvent", marks=THOROUGH),
    pytest.param("VmRestartedOnAlternateHostEvent", marks=THOROUGH),
]


@pytest.mark.parametrize("event", STARTED)
def test_a_sealed_clone_that_is_started_again_is_no_image(place: VsphereDesk, event: str) -> None:
    """
    By a person, a reset, a restart from outside, or HA: what was read in it before it went off says nothing of what
    came after, and vCenter's events tell of that.
    """
    before = place.names()
    going = place.begin("capture", "win2022", "--answer-file", "answers.xml")
    going.until_said("reading the seal inside the guest")
    (clone,) = place.names() - before
    place.note(clone, event)
    ran = going.end()
    assert ran.code == 7, ran.said
    assert "was started again after its seal was read" in ran.err
    assert place.names() == before
