"""What lies in VMM's library after a publish: family, release, labels, profiles; and nothing of a name is ever run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from golden.errors import Conflict, NotFound
from golden.model import Image
from golden.testing.library_contract import bytes_of, sample
from tests.e2e.hyperv_bench import endpoint
from tests.e2e.hyperv_library_bench import OnTheHost, on_the_host, streamed
from tests.peers.hyperv.peer import Peer
from tests.peers.hyperv.vmm import SHARE, Vmm

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hyperv scvmm")]

HOSTILE = "v1'; Remove-Item C:\\ -Recurse # $(calc) \"é’"  # noqa: RUF001
ODD = "\\\\files\\v1'; Remove-Item # $(calc) é’"  # noqa: RUF001
"""Windows takes all of that for the name of a share."""
KEY = "shelf/win2022-i{}-here"


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """One host with a VMM server."""
    with Peer(tmp_path_factory.mktemp("hyperv") / "host", shares=(SHARE, ODD)) as made:
        Vmm.install(made).share(ODD)
        yield made


@pytest.fixture
def bench(peer: Peer, tmp_path: Path) -> Iterator[OnTheHost]:
    """Its library, emptied afterwards."""
    made = on_the_host(peer, tmp_path, endpoint(peer, tmp_path / "secrets"))
    yield made
    library = made.open()
    for one in library.list():
        library.withdraw(one)
    library.close()
    assert (made.vmm.files(), made.vmm.read()["templates"]) == ([], {})


def publish(bench: OnTheHost, image: Image) -> tuple[dict[str, Any], dict[str, Any]]:
    """The disk and the template that VMM has of it then."""
    library = bench.open()
    made = library.publish(image, image.artifact.forms[0], bytes_of(image), KEY.format(image.number))
    library.verify(made)
    library.close()
    disk = bench.vmm.known(made.where)
    assert disk is not None
    template = next((one for one in bench.vmm.read()["templates"].values() if one["disk"] == disk["id"]), {})
    return disk, template


def test_family_and_release_are_product_and_version(bench: OnTheHost) -> None:
    """FamilyName is the reference, Release the image; hardware comes from the machine it was captured of."""
    disk, template = publish(bench, bench.image("win2022", 3))
    assert (disk["family"], disk["release"].startswith("i3-v1-")) == ("win2022", True)
    assert disk["system"] == template["system"] == "Windows Server 2022 Datacenter"
    assert {"golden", "seal-sysprep"} < set(disk["tags"])
    told = {key: template[key] for key in ("generation", "memory", "processors", "secure_boot", "customized")}
    assert told == {
        "generation": 2,
        "memory": 4096,
        "processors": 2,
        "secure_boot": "MicrosoftWindows",
        "customized": True,
    }
    other = replace(bench, url="scvmm://vmm01/library/elsewhere?endpoint=hv")
    library = other.open()
    image = bench.image("win2022", 3)
    library.publish(image, image.artifact.forms[0], bytes_of(image), KEY.format(3).replace("shelf", "elsewhere"))
    releases = {one["release"] for one in bench.vmm.read()["disks"].values()}
    assert releases == {disk["release"]}, "one image in two shares is the same resource to VMM"
    for one in library.list():
        library.withdraw(one)
    library.close()


def test_the_next_image_takes_the_place_of_the_one_before(bench: OnTheHost) -> None:
    """Update: a new release is made and proved; the old template and the old disk are disabled, and both stay."""
    publish(bench, bench.image("win2022", 1))
    publish(bench, bench.image("win2022", 2))
    library = bench.open()
    first = next(one for one in library.list() if one.image == 1)
    library.retire(first)
    library.close()
    state = bench.vmm.read()
    told = {one["name"]: one["enabled"] for table in ("disks", "templates") for one in state[table].values()}
    assert {name.split("-")[1].removesuffix(".vhdx"): on for name, on in told.items()} == {"i1": False, "i2": True}
    assert len(told) == 4


def test_an_unsealed_image_is_labelled(bench: OnTheHost) -> None:
    """--seal none: in the release, the labels, the description; VMM does not customize it, and the warning says why."""
    disk, template = publish(bench, bench.image("win2022", 1, seal="none"))
    assert disk["release"].endswith("-not-generalized")
    assert ("not-generalized" in disk["tags"], "not-generalized" in template["tag"]) == (True, True)
    assert disk["description"].startswith("NOT GENERALIZED. win2022 image 1 of version 1, seal none")
    assert template["customized"] is False
    library = bench.open()
    (warning,) = [finding for seal, finding in library.abilities.warnings if seal == "none"]
    library.close()
    assert "not generalized" in warning.sentence
    profiled = replace(bench, options={"guest_os_profile": "Standard Windows"})
    _, template = publish(profiled, bench.image("win2022", 2, seal="none"))
    assert (template["customized"], template["guest"]) == (True, "Standard Windows"), "who names a profile wants it"


def test_profiles_are_found_by_name(bench: OnTheHost) -> None:
    """Whatever their case; the hardware profile decides memory and processors; no template where none is wanted."""
    options = {"hardware_profile": "generation 2", "guest_os_profile": "Standard Windows"}
    _, template = publish(replace(bench, options=options), bench.image("win2022", 1))
    assert (template["hardware"], template["guest"], template["memory"]) == ("Generation 2", "Standard Windows", 0)
    disk, template = publish(replace(bench, options={"template": "no"}), bench.image("win2022", 2))
    assert (disk["enabled"], template) == (True, {})


def test_what_vmm_does_not_have_is_refused_before_a_byte_is_copied(bench: OnTheHost, peer: Peer) -> None:
    """NotFound names what there is; a hardware profile of the other generation is Conflict."""
    image = bench.image("win2022", 1)
    before = len(peer.requests("Import-SCLibraryPhysicalResource"))
    for option, name in (
        ("hardware_profile", "Generation 1 or 2"),
        ("guest_os_profile", "Custom"),
        ("operating_system", "Windows Server 2021"),
    ):
        with pytest.raises(NotFound, match=f"no .* '{name}'") as caught:
            publish(replace(bench, options={option: name}), image)
        assert "it has" in str(caught.value.details)
    with pytest.raises(Conflict, match="generation 2, the hardware profile Generation 1 of generation 1"):
        publish(replace(bench, options={"hardware_profile": "Generation 1"}), image)
    assert len(peer.requests("Import-SCLibraryPhysicalResource")) == before


def test_an_image_of_another_host_is_not_taken_for_one_of_this(bench: OnTheHost) -> None:
    """The same name and path, and another image: found by its id only."""
    image = bench.image("win2022", 1)
    other = replace(image, artifact=replace(image.artifact, id="0123456789abcdef"))
    with pytest.raises(NotFound, match="is not on hyperv://") as caught:
        publish(bench, other)
    assert "endpoint = the host it was captured on" in str(caught.value.hint)


def test_a_share_and_a_folder_may_be_called_anything_windows_takes(bench: OnTheHost) -> None:
    """They are found, copied into, read back and listed."""
    url = f"scvmm://vmm01/{quote(ODD.rpartition(chr(92))[2])}/{quote('x; $(y)')}/[a]?endpoint=hv"
    odd = replace(bench, url=url)
    disk, template = publish(odd, bench.image("win2022", 1))
    assert disk["path"] == f"{ODD}\\x; $(y)\\[a]\\win2022-i1.vhdx"
    assert template["enabled"] is True
    library = odd.open()
    (made,) = library.list()
    library.withdraw(made)
    library.close()


def test_names_are_data_wherever_they_go(bench: OnTheHost, peer: Peer, tmp_path: Path) -> None:
    """A reference, profiles and a system with quotes, substitutions and comments go there and come back unchanged."""
    with bench.vmm.changed() as state:
        for table in ("hardware", "guest", "systems"):
            state[table][HOSTILE] = next(iter(state[table].values()))
        kept = {table: dict(state[table]) for table in ("hardware", "guest", "systems")}
        for table, rows in kept.items():
            state[table] = {HOSTILE: rows[HOSTILE]}
    options = {"hardware_profile": HOSTILE, "guest_os_profile": HOSTILE, "operating_system": HOSTILE}
    shelf = streamed(peer, tmp_path, bench.endpoint, options=options)
    image = sample(HOSTILE, 1, "vhdx", "sysprep")
    library = shelf.open()
    made = library.publish(image, image.artifact.forms[0], bytes_of(image), f"shelf/{HOSTILE}")
    assert library.find(f"shelf/{HOSTILE}") == made
    library.verify(made)
    disk = shelf.vmm.known(made.where)
    (template,) = shelf.vmm.read()["templates"].values()
    assert disk is not None
    assert (disk["family"], disk["system"], made.reference) == (HOSTILE,) * 3
    assert (template["hardware"], template["guest"], template["system"]) == (HOSTILE,) * 3
    assert HOSTILE in disk["description"]
    library.close()
    with shelf.vmm.changed() as state:
        for table, rows in kept.items():
            state[table] = {name: row for name, row in rows.items() if name != HOSTILE}
