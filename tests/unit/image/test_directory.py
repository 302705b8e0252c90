"""What the directory library promises beyond the contract: its files, its folder, and bad luck."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from golden.errors import BadConfig, BadName, Conflict, PolicyRefused, ProofFailed, Refused, Unreachable
from golden.image.directory import FACTORY, DirectoryLibrary
from golden.image.shelf import Shelf
from golden.library import Library
from golden.model import Image, Publication
from golden.provider import Endpoint, Scope
from golden.testing.library_contract import bytes_of, content_of, sample


@pytest.fixture
def library(tmp_path: Path) -> DirectoryLibrary:
    """A library whose folder is not made yet."""
    return DirectoryLibrary("shelf", tmp_path / "images")


def image_of(number: int = 1, format: str = "qcow2") -> Image:
    """A small image."""
    return sample("win2022", number, format, "sysprep")


def put(library: DirectoryLibrary, image: Image, key: str | None = None) -> Publication:
    """Publish it."""
    return library.publish(image, image.artifact.forms[0], bytes_of(image), key or f"key-{image.number}")


def data_of(path: Path) -> Any:
    """What an envelope holds."""
    return json.loads(path.read_text())["data"]


def opened(url: str, base: Path) -> Library:
    """A library by URL."""
    return FACTORY.open(Endpoint("shelf", url), Scope("look", base), base)


def test_a_publication_is_a_plain_file_with_a_manifest(library: DirectoryLibrary, tmp_path: Path) -> None:
    """The image lies there byte for byte; its manifest says what it is and how it was proved; nothing else is there."""
    publication = put(library, image_of())
    folder = tmp_path / "images"
    assert sorted(path.name for path in folder.iterdir()) == [
        "win2022-i1.qcow2",
        "win2022-i1.qcow2.json",
        "win2022.json",
    ]
    assert (folder / "win2022-i1.qcow2").read_bytes() == content_of("win2022", 1)
    manifest = data_of(folder / "win2022-i1.qcow2.json")
    assert (manifest["version"], manifest["seal"], manifest["sha256"]) == (1, "sysprep", publication.sha256)
    assert manifest["proof"]["facts"]["state"] == "SEALED"


def test_the_pointer_names_the_newest_that_is_not_retired(library: DirectoryLibrary, tmp_path: Path) -> None:
    """The pointer follows publish, retire and withdraw, and goes with the last image."""
    pointer = tmp_path / "images/win2022.json"
    first, second = put(library, image_of(1)), put(library, image_of(2))
    assert data_of(pointer)["image"] == 2
    library.retire(second)
    assert data_of(pointer)["image"] == 1
    library.withdraw(first)
    assert not pointer.exists()


def test_the_pointer_never_names_what_is_gone(library: DirectoryLibrary, tmp_path: Path) -> None:
    """A manifest whose file somebody took away is passed over, until the image is published again."""
    pointer = tmp_path / "images/win2022.json"
    first, second = put(library, image_of(1)), put(library, image_of(2))
    Path(second.where).unlink()
    put(library, image_of(1, "vmdk"), "other")
    assert data_of(pointer)["image"] == 1
    put(library, image_of(2))
    library.retire(first)
    assert data_of(pointer)["image"] == 2


def test_two_forms_of_one_image_stand_side_by_side(library: DirectoryLibrary, tmp_path: Path) -> None:
    """An image may be published in two forms under two keys; the pointer names both."""
    put(library, image_of(), "a")
    put(library, image_of(format="vmdk"), "b")
    assert [form["format"] for form in data_of(tmp_path / "images/win2022.json")["forms"]] == ["qcow2", "vmdk"]


def test_a_foreign_file_is_conflict_and_stays(library: DirectoryLibrary, tmp_path: Path) -> None:
    """A file of somebody else's with the image's name is never written over, even where its bytes are the same."""
    (tmp_path / "images").mkdir()
    foreign = tmp_path / "images/win2022-i1.qcow2"
    for content in (b"mine", content_of("win2022", 1)):
        foreign.write_bytes(content)
        with pytest.raises(Conflict, match="is not golden's"):
            put(library, image_of())
        assert foreign.read_bytes() == content
        assert list((tmp_path / "images").iterdir()) == [foreign]


def test_another_key_for_the_same_name_is_conflict(library: DirectoryLibrary) -> None:
    """A published file is not replaced by a publication with another key."""
    publication = put(library, image_of(), "a")
    with pytest.raises(Conflict, match="under the key a"):
        put(library, image_of(), "b")
    library.verify(publication)


def test_no_room_is_refused_before_anything_is_read(library: DirectoryLibrary, tmp_path: Path) -> None:
    """An image that cannot fit is Refused with bytes needed and free, and nothing is left."""
    image = image_of()
    form = replace(image.artifact.forms[0], size=1 << 60)
    with pytest.raises(Refused, match=rf"needs {1 << 60} bytes, \d+ are free"):
        library.publish(image, form, bytes_of(image), "k")
    assert list((tmp_path / "images").iterdir()) == []


@pytest.fixture
def small_files() -> Iterator[None]:
    """The system refuses files of more than 100 kB, as a disk that fills up does."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, old)


@pytest.mark.usefixtures("small_files")
def test_room_that_runs_out_half_way_leaves_nothing(library: DirectoryLibrary, tmp_path: Path) -> None:
    """A disk that fills up in the middle is Refused, and neither part nor note is left."""
    with pytest.raises(Refused, match="no room"):
        put(library, image_of())
    assert list((tmp_path / "images").iterdir()) == []


def test_a_cut_before_the_manifest_is_cleared_by_settle(library: DirectoryLibrary, tmp_path: Path) -> None:
    """Where only the manifest is missing the file is no publication; settle takes it away, publish replaces it."""
    for settles in (True, False):
        put(library, image_of())
        Shelf(tmp_path / "images").begin("win2022-i1.qcow2", "key-1")
        (tmp_path / "images/win2022-i1.qcow2.json").unlink()
        assert library.list() == ()
        if settles:
            assert library.settle("key-1") is None
            assert not (tmp_path / "images/win2022-i1.qcow2").exists()
        library.verify(put(library, image_of()))
        library.withdraw(library.list()[0])


def test_a_cut_after_the_manifest_is_finished_by_settle(library: DirectoryLibrary, tmp_path: Path) -> None:
    """Where only the note is left the publication is whole, and settle keeps it."""
    publication = put(library, image_of())
    Shelf(tmp_path / "images").begin("win2022-i1.qcow2", "key-1")
    assert library.settle("key-1") == publication
    assert not [path for path in (tmp_path / "images").iterdir() if path.name.startswith(".")]
    library.verify(publication)


CHANGES = ("os.rename", "os.remove", "os.mkdir")


def cut(act: Callable[[], object], folder: Path, number: int) -> bool:
    """Do it in a process that dies before its change of that number to the folder; False where it has no so many."""
    pid = os.fork()
    if pid == 0:
        seen = 0

        def die(event: str, details: tuple[Any, ...]) -> None:
            nonlocal seen
            writes = event == "open" and isinstance(details[1], str) and "w" in details[1]
            if (writes or event in CHANGES) and str(details[0]).startswith(str(folder)):
                seen += 1
                if seen == number:
                    os._exit(137)

        sys.addaudithook(die)
        try:
            act()
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, 137)
    return status == 137


@pytest.mark.skipif(not hasattr(os, "fork"), reason="dies in a process of its own, forked")
@pytest.mark.parametrize("verb", ["publish", "withdraw", "mend"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_cut_is_mended_by_settle(tmp_path: Path, verb: str, number: int) -> None:
    """
    Killed before any change to the folder: once it is settled the image is there whole or not at all, the pointer says
    what is current, and nothing hidden is left; then the same again works. The others are 1, retired, and 2.
    """
    key, image = f"key-{number}", image_of(number)
    cuts = 0
    while True:
        folder = tmp_path / f"{cuts}" / "images"
        folder.parent.mkdir()
        library = DirectoryLibrary("shelf", folder)
        made = {one: put(library, image_of(one)) for one in (1, 2) if one != number or verb != "publish"}
        if number != 1:
            library.retire(made[1])
        if verb != "publish":
            made[number] = put(library, image)
        if verb == "mend":
            Path(made[number].where).unlink()

        def act(library: DirectoryLibrary = library, made: dict[int, Publication] = made) -> object:
            return library.withdraw(made[number]) if verb == "withdraw" else put(library, image)

        if not cut(act, folder, cuts + 1):
            break
        cuts += 1
        found = library.settle(key)
        assert consistent(folder, but=number if verb == "mend" and not found else 0)
        assert (found is not None) == (folder / f"win2022-i{number}.qcow2").exists()
        if verb == "withdraw":
            library.withdraw(made[number])
        else:
            library.verify(put(library, image))
        assert consistent(folder)
        assert (library.find(key) is None) == (verb == "withdraw")
        assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert cuts >= (3 if verb == "withdraw" else 6)


def consistent(folder: Path, but: int = 0) -> bool:
    """
    Every manifest has its file, every file its manifest, and the pointer names the newest current; ``but`` one that
    somebody took away, which the pointer may still name.
    """
    names = {path.name for path in folder.glob("[!.]*")} if folder.exists() else set()
    manifests = [data_of(folder / name) for name in names if name.endswith(".qcow2.json")]
    of_files = {name for name in names if name.endswith(".qcow2")} | ({f"win2022-i{but}.qcow2"} if but else set())
    current = [one["image"] for one in manifests if not one["retired"] and one["file"] in names]
    pointer = data_of(folder / "win2022.json")["image"] if "win2022.json" in names else 0
    hidden = [path.name for path in folder.glob(".*") if not path.name.startswith("..")] if folder.exists() else []
    assert pointer in {max(current, default=0), but or max(current, default=0)}
    return ({one["file"] for one in manifests}, hidden) == (of_files, [])


def test_an_old_image_is_taken_from_a_full_disk(library: DirectoryLibrary, tmp_path: Path) -> None:
    """Withdrawing what is not current writes nothing, so it works where no room is left at all."""
    first, second = put(library, image_of(1)), put(library, image_of(2))
    library.retire(first)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, old[1]))
    try:
        library.withdraw(first)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert library.list() == (second,)
    assert consistent(tmp_path / "images")


def test_publishing_again_mends_a_file_that_is_gone(library: DirectoryLibrary) -> None:
    """A publication whose file was deleted is not found, and publishing it again brings it back."""
    publication = put(library, image_of())
    Path(publication.where).unlink()
    assert library.find("key-1") is None
    library.verify(put(library, image_of()))


def test_damage_is_named_with_both_hashes(library: DirectoryLibrary) -> None:
    """A changed file is ProofFailed that says what was published and what is there."""
    publication = put(library, image_of())
    Path(publication.where).write_bytes(b"other")
    with pytest.raises(ProofFailed) as caught:
        library.verify(publication)
    assert publication.sha256 in (caught.value.details or "")


def test_what_is_not_goldens_is_left_alone(library: DirectoryLibrary, tmp_path: Path) -> None:
    """Broken or foreign JSON in the folder is neither listed nor touched."""
    put(library, image_of())
    strangers = {"a.b.json": "{", "c.d.json": "[]", "e.f.json": '{"kind": "publication", "data": {}}'}
    for name, text in strangers.items():
        (tmp_path / "images" / name).write_text(text)
    assert len(library.list()) == 1
    library.withdraw(library.list()[0])
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == sorted(strangers)


@pytest.mark.parametrize("reference", ["rhel9.4", "win_2022", "a-i1", "x.json"])
def test_every_name_that_a_reference_may_have_can_be_published(library: DirectoryLibrary, reference: str) -> None:
    """Dots and underscores are in many names; the pointer is never taken for a manifest, nor the other way round."""
    image = sample(reference, 1, "qcow2", "sysprep")
    made = put(library, image)
    assert library.list() == (made,)
    library.verify(made)
    library.withdraw(made)
    assert library.list() == ()


@pytest.mark.parametrize("reference", ["../up", "a/b", "", "A", "a\n", "a-i1.qcow2"])
def test_a_reference_that_is_no_name_is_refused(library: DirectoryLibrary, reference: str, tmp_path: Path) -> None:
    """A name that could leave the folder writes nothing."""
    with pytest.raises(BadName):
        put(library, replace(image_of(), reference=reference))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("dir:./images", "base/images"),
        ("dir:../images", "images"),
        ("dir:images", "base/images"),
        ("dir:{tmp}/abs", "abs"),
        ("file://{tmp}/abs", "abs"),
        ("file://localhost{tmp}/abs", "abs"),
    ],
)
def test_urls_name_folders(tmp_path: Path, url: str, folder: str) -> None:
    """Relative folders count from the project's, absolute ones are taken as they are."""
    base = tmp_path / "base"
    base.mkdir()
    library = opened(url.format(tmp=tmp_path), base)
    image = image_of()
    publication = library.publish(image, image.artifact.forms[0], bytes_of(image), "k")
    assert Path(publication.where).parent == tmp_path / folder


@pytest.mark.parametrize("url", ["dir:", "smb://host/share", "file://host/share", "file://", "images"])
def test_urls_that_name_no_folder_are_bad_configuration(tmp_path: Path, url: str) -> None:
    """What golden cannot reach as a folder is said to be so."""
    with pytest.raises(BadConfig, match="shelf"):
        opened(url, tmp_path)


def test_a_mount_that_is_missing_is_unreachable(tmp_path: Path) -> None:
    """Where not even the parent folder is there golden makes none in its place."""
    with pytest.raises(Unreachable, match="there is no folder"):
        opened("dir:./not-mounted/images", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_bad_configuration(tmp_path: Path) -> None:
    """A library needs a folder."""
    (tmp_path / "images").write_text("")
    with pytest.raises(BadConfig, match="is a file"):
        opened("dir:./images", tmp_path)


def test_a_library_for_one_form_takes_that_form_alone(tmp_path: Path) -> None:
    """``form = "wim"`` in its table; a form that is none is bad configuration."""
    scope = Scope("look", tmp_path)
    library = FACTORY.open(Endpoint("wims", "dir:wims", {"form": "wim"}), scope, tmp_path)
    assert library.abilities.forms == ("wim",)
    image = image_of(format="wim")
    assert library.publish(image, image.artifact.forms[0], bytes_of(image), "k").name.endswith("-i1.wim")
    other = image_of(2)
    with pytest.raises(PolicyRefused, match="takes wim"):
        library.publish(other, other.artifact.forms[0], bytes_of(other), "k2")
    with pytest.raises(BadConfig, match="punched"):
        FACTORY.open(Endpoint("wims", "dir:wims", {"form": "punched"}), scope, tmp_path)
