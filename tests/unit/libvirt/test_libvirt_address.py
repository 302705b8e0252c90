"""URLs of libvirt endpoints."""

from __future__ import annotations

import pytest

from golden.errors import BadConfig
from golden_libvirt.address import parse


@pytest.mark.parametrize(
    ("url", "uri", "embedded", "remote"),
    [
        ("qemu:///embed", "qemu:///embed", True, False),
        ("qemu:///embed?root=/run/g", "qemu:///embed", True, False),
        ("qemu:///system", "qemu:///system", False, False),
        ("qemu:///session", "qemu:///session", False, False),
        ("qemu+ssh://root@host:22/system", "qemu+ssh://root@host:22/system", False, True),
    ],
)
def test_the_documented_urls_are_understood(url: str, uri: str, embedded: bool, remote: bool) -> None:
    """Each documented form says whether a daemon is asked and whether its files are here."""
    address = parse(url)
    assert (address.uri, address.embedded, address.remote) == (uri, embedded, remote)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "qemu://",
        "qemu:///",
        "qemu:///other",
        "qemu:///embed?root=relative",
        "qemu:///embed?rot=/a",
        "qemu:///system?command=sh",
        "qemu://host/system",
        "qemu+ssh:///system",
        "qemu+ssh://-oProxyCommand=sh/system",
        "qemu+ssh://host/system?command=/bin/sh",
        "qemu+ssh://user:secret@host/system",
        "xen:///system",
        "qemu:///system\nqemu:///session",
        "qemu+ssh://[::1/system",
    ],
)
def test_any_other_url_is_refused_with_the_forms_that_can_be(url: str) -> None:
    """A URL that cannot be is BadConfig with a hint, never handed to libvirt."""
    with pytest.raises(BadConfig) as refused:
        parse(url)
    assert "qemu:///embed" in (refused.value.hint or "")
    assert "secret" not in (refused.value.brief + str(refused.value.details))
