"""Where vCenter's libraries lie, as golden.toml says it; what cannot be is told before anything is connected to."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden import plugins
from golden.errors import BadConfig, NotFound
from golden.provider import Endpoint, Scope
from golden.settings import read
from golden_vsphere.libraries import CONTENT_LIBRARY, TEMPLATE_LIBRARY, understand

TOML = """
[endpoints.vc]
url = "vsphere://vcenter.example.com/DC0/golden"
user = "golden@vsphere.local"
password_env = "VC_PASSWORD"
ca_file = "ca.pem"

[endpoints.local]
url = "qemu:///system"

[libraries.templates]
url = "vcenter-template:templates/win%20dows?endpoint=vc"

[libraries.store]
url = "content-library:Golden%20store"
endpoint = "vc"
kind = "vmtx"
"""


def opened(url: str, tmp_path: Path, **options: str) -> object:
    """Whoever opens the URL is asked to."""
    (tmp_path / "golden.toml").write_text(TOML)
    settings = read(tmp_path / "golden.toml")
    scope = Scope("look", tmp_path, endpoint=settings.endpoint)
    return plugins.open_library(Endpoint("shelf", url, options), scope, tmp_path)


def test_a_library_has_its_endpoints_account_and_trust(tmp_path: Path) -> None:
    """Its own table says nothing of them, and holds no secret."""
    (tmp_path / "golden.toml").write_text(TOML)
    settings = read(tmp_path / "golden.toml")
    scope = Scope("look", tmp_path, endpoint=settings.endpoint)
    place = understand(settings.library("templates"), scope, "x", ("endpoint",))
    assert (place.path, place.address.host, place.options) == ("templates/win dows", "vcenter.example.com", {})
    assert place.address.options == {
        "user": "golden@vsphere.local",
        "password_env": "VC_PASSWORD",
        "ca_file": str(tmp_path / "ca.pem"),
    }
    store = understand(settings.library("store"), scope, "x", ("endpoint", "kind"))
    assert (store.path, store.address, store.options) == ("Golden store", place.address, {"kind": "vmtx"})


def test_the_entry_points_open_these_urls() -> None:
    """By their schemes."""
    assert plugins.library_factory(Endpoint("x", "vcenter-template:a?endpoint=vc")) is TEMPLATE_LIBRARY
    assert plugins.library_factory(Endpoint("x", "content-library:a?endpoint=vc")) is CONTENT_LIBRARY


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("vcenter-template:?endpoint=vc", "names no place"),
        ("vcenter-template://host/a?endpoint=vc", "names no place"),
        ("vcenter-template:a", "does not say which endpoint"),
        ("vcenter-template:a?endpoint", "cannot be opened"),
        ("vcenter-template:a?endpoint=local", "which is no vCenter: qemu"),
        ("vcenter-template:a?endpoint=vc&kind=ovf", "an option golden does not know: kind"),
        ("content-library:a?endpoint=vc&knid=ovf", "an option golden does not know: knid"),
        ("content-library:a?endpoint=vc&kind=iso", "kind is ovf or vmtx, not 'iso'"),
        ("content-library:a?endpoint=vc&kind=vmtx&current=yes", "current = 'yes' with kind vmtx"),
        ("content-library:a?endpoint=vc&current=maybe", "current = 'maybe'"),
        ("content-library:a?endpoint=vc&folder=b", "only template items"),
    ],
)
def test_what_cannot_be_is_refused(url: str, words: str, tmp_path: Path) -> None:
    """With what was met; nothing is connected to."""
    with pytest.raises(BadConfig, match=words):
        opened(url, tmp_path)


def test_an_endpoint_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With those that are."""
    with pytest.raises(NotFound, match="there is no endpoint 'vx'"):
        opened("vcenter-template:a?endpoint=vx", tmp_path)


def test_without_a_project_no_endpoint_is_known(tmp_path: Path) -> None:
    """It says why."""
    with pytest.raises(BadConfig, match=r"no golden\.toml that has it"):
        TEMPLATE_LIBRARY.open(Endpoint("shelf", "vcenter-template:a?endpoint=vc"), Scope("look", tmp_path), tmp_path)
