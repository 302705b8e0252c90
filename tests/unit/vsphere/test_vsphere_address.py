"""URLs and options of vSphere endpoints are understood or refused with a sentence, and hold no secret."""

from __future__ import annotations

import pytest

from golden.errors import BadConfig
from golden.provider import Endpoint
from golden_vsphere.address import parse


def test_a_url_names_host_datacenter_and_folder() -> None:
    """The folder is golden by default; names may be escaped as in any URL."""
    address = parse(Endpoint("vc", "vsphere://vc.example.com/Data%20center/a/b", {"datastore": "ssd"}))
    assert (address.host, address.port, address.datacenter, address.folder) == (
        "vc.example.com",
        443,
        "Data center",
        ("a", "b"),
    )
    assert address.options["datastore"] == "ssd"
    assert parse(Endpoint("vc", "vsphere://[fd00::1]:8443")).folder == ("golden",)
    assert parse(Endpoint("vc", "vsphere://vc/DC?datastore=ssd")).options == {"datastore": "ssd"}


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("vsphere:///DC", {}, "names no vCenter"),
        ("vsphere://vc:port/DC", {}, "cannot be opened"),
        ("vsphere://me:hunter2@vc/DC", {}, "accounts do not belong"),
        ("vsphere://vc/DC?password=hunter2", {}, "does not know: password"),
        ("vsphere://vc/DC#x", {}, "names no vCenter"),
        ("vsphere://vc/D\nC", {}, "names no vCenter"),
        ("vsphere://vc/DC", {"datstore": "x"}, "does not know: datstore"),
        ("vsphere://vc/DC", {"thumbprint": "ab:cd"}, "no SHA-256"),
        ("vsphere://vc/DC", {"snapshot_depth": "0"}, "from 1 to 30"),
        ("vsphere://vc/DC", {"snapshot_depth": "ten"}, "from 1 to 30"),
    ],
)
def test_what_cannot_be_is_refused(url: str, options: dict[str, str], words: str) -> None:
    """With a sentence that shows no password."""
    with pytest.raises(BadConfig, match=words) as caught:
        parse(Endpoint("vc", url, options))
    assert "hunter2" not in f"{caught.value.brief} {caught.value.details} {caught.value.hint}"


def test_a_slip_of_the_pen_is_guessed() -> None:
    """The hint names the nearest option."""
    with pytest.raises(BadConfig) as caught:
        parse(Endpoint("vc", "vsphere://vc/DC", {"datstore": "x"}))
    assert caught.value.hint == "did you mean datastore?"


def test_a_thumbprint_is_taken_with_and_without_colons() -> None:
    """As openssl prints it, too."""
    plain = "ab" * 32
    for text in (plain, ":".join(["AB"] * 32)):
        assert parse(Endpoint("vc", "vsphere://vc/DC", {"thumbprint": text})).thumbprint == plain
