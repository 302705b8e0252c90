"""URLs and options of Hyper-V endpoints are understood or refused with a sentence, and hold no secret."""

from __future__ import annotations

import pytest

from golden.errors import BadConfig
from golden.provider import Endpoint
from golden_hyperv.address import parse
from golden_hyperv.nodes import address_of


def test_a_url_names_host_port_and_transport() -> None:
    """WSMan over HTTPS and SSH have ports of their own; over SSH the URL may name the account."""
    wsman = parse(Endpoint("hv", "hyperv://hv1.example.com", {"user": "LAB\\golden"}))
    assert (wsman.transport, wsman.host, wsman.port, wsman.user) == ("wsman", "hv1.example.com", 5986, "LAB\\golden")
    assert (wsman.auth, wsman.folder, wsman.networks) == ("negotiate", "C:\\golden", ())
    ssh = parse(Endpoint("hv", "hyperv+ssh://LAB%5Cgolden@hv1:2222"))
    assert (ssh.transport, ssh.port, ssh.user, ssh.auth) == ("ssh", 2222, "LAB\\golden", "ssh")
    assert parse(Endpoint("hv", "hyperv://[fd00::1]")).shown == "hyperv://[fd00::1]"
    assert parse(Endpoint("hv", "hyperv+ssh://hv1:2222")).shown == "hyperv+ssh://hv1:2222"


def test_folders_and_switches_are_read() -> None:
    """A cluster's volume is a folder like any other; switches are names with commas between them."""
    options = {"folder": "C:/ClusterStorage/Volume 1/golden/", "networks": "Lab net, other"}
    address = parse(Endpoint("hv", "hyperv://hv1", options))
    assert address.folder == "C:\\ClusterStorage\\Volume 1\\golden"
    assert address.networks == ("Lab net", "other")
    assert parse(Endpoint("hv", "hyperv://hv1", {"folder": "\\\\nas\\vm\\golden"})).folder == "\\\\nas\\vm\\golden"


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("hyperv://", {}, "names no Hyper-V host"),
        ("hyperv://hv:port", {}, "cannot be opened"),
        ("hyperv://hv/folder", {}, "has no path"),
        ("hyperv://me:hunter2@hv", {}, "passwords do not belong"),
        ("hyperv+ssh://me:hunter2@hv", {}, "passwords do not belong"),
        ("hyperv://hv?password=hunter2", {}, "does not know: password"),
        ("hyperv://hv#x", {}, "names no Hyper-V host"),
        ("hyperv://h\nv", {}, "names no Hyper-V host"),
        ("hyperv://hv", {"foldr": "x"}, "does not know: foldr"),
        ("hyperv://hv", {"thumbprint": "ab:cd"}, "no SHA-256"),
        ("hyperv://hv", {"auth": "basic"}, "sends the password itself"),
        ("hyperv://hv", {"auth": "digest"}, "does not know auth"),
        ("hyperv://hv", {"key_file": "/id"}, "belongs to URLs of hyperv\\+ssh"),
        ("hyperv+ssh://hv", {"ca_file": "/ca"}, "belongs to URLs of hyperv://"),
        ("hyperv://hv", {"folder": "golden"}, "no folder on a Windows host"),
        ("hyperv://hv", {"folder": "/srv/golden"}, "no folder on a Windows host"),
        ("hyperv://hv", {"folder": "C:\\gold[e]n"}, "no folder on a Windows host"),
        ("hyperv://hv", {"folder": "C:\\a\\..\\b"}, "no folder on a Windows host"),
        ("hyperv://hv", {"folder": "C:\\"}, "no folder on a Windows host"),
        ("hyperv://hv", {"snapshot_depth": "0"}, "from 1 to 30"),
    ],
)
def test_what_cannot_be_is_refused(url: str, options: dict[str, str], words: str) -> None:
    """With a sentence that shows no password."""
    with pytest.raises(BadConfig, match=words) as caught:
        parse(Endpoint("hv", url, options))
    assert "hunter2" not in f"{caught.value.brief} {caught.value.details} {caught.value.hint}"


def test_a_slip_of_the_pen_is_guessed() -> None:
    """The hint names the nearest option."""
    with pytest.raises(BadConfig) as caught:
        parse(Endpoint("hv", "hyperv://hv", {"foldr": "x"}))
    assert caught.value.hint == "did you mean folder?"


@pytest.mark.parametrize(
    ("url", "options", "node", "where"),
    [
        ("hyperv://cluster.lab.example", {}, "HV2", ("HV2.lab.example", 5986)),
        ("hyperv://cluster.lab.example:15986", {}, "hv2.other.example", ("hv2.other.example", 15986)),
        ("hyperv://10.0.0.1", {}, "HV2", ("HV2", 5986)),
        ("hyperv://hv1", {"nodes": "HV2 = 10.0.0.12:6000, HV3=hv3.lab"}, "hv2.lab.example", ("10.0.0.12", 6000)),
        ("hyperv://hv1", {"nodes": "HV2=10.0.0.12:6000,HV3=hv3.lab"}, "HV3", ("hv3.lab", 5986)),
        ("hyperv+ssh://g@hv1:2222", {}, "HV2", ("HV2", 2222)),
    ],
)
def test_a_node_is_reached_by_its_name_or_as_golden_toml_says(
    url: str, options: dict[str, str], node: str, where: tuple[str, int]
) -> None:
    """In the domain of the endpoint's own host, at its port."""
    met = address_of(parse(Endpoint("hv", url, options)), node)
    assert (met.host, met.port) == where


def test_what_pins_one_host_does_not_hold_for_another() -> None:
    """A certificate's thumbprint and a host's key are that host's alone."""
    for url, pin in (("hyperv://hv1", {"thumbprint": "ab" * 32}), ("hyperv+ssh://hv1", {"host_key": "ssh-ed25519 A"})):
        with pytest.raises(BadConfig, match="of one host"):
            address_of(parse(Endpoint("hv", url, pin)), "HV2")
