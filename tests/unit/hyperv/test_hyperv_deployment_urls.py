"""URLs and options of wds:, mdt: and configmgr: that cannot be are refused with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.errors import BadConfig, NotAble
from golden.provider import Endpoint, Scope
from golden_hyperv.deployment_places import Place, understand

HOST = "hyperv://host.example.com"


def understood(url: str, host: str = HOST, **options: str) -> Place:
    endpoint = Endpoint("hv", host, {"user": "golden", "password_env": "X"})
    return understand(Endpoint("lib", url, options), Scope("look", Path(), endpoint=lambda _: endpoint))


@pytest.mark.parametrize(
    ("url", "options", "kind", "name"),
    [
        ("wds:Servers?endpoint=hv", {}, "wds", "Servers"),
        ("wds:Server's%20$(calc)%20%C3%A9?endpoint=hv", {}, "wds", "Server's $(calc) é"),
        ("wds:Servers", {"endpoint": "hv"}, "wds", "Servers"),
        ("mdt:C:/DeploymentShare?endpoint=hv", {}, "mdt", "C:\\DeploymentShare"),
        (
            "configmgr:P01?endpoint=hv",
            {"source": "\\\\files\\sources", "folder": "D:\\sources"},
            "configmgr",
            "P01",
        ),
    ],
)
def test_a_url_names_a_place(url: str, options: dict[str, str], kind: str, name: str) -> None:
    """Group, share or site; the endpoint says which host."""
    place = understood(url, **options)
    assert (place.kind, place.name, place.address.host) == (kind, name, "host.example.com")


@pytest.mark.parametrize(
    ("url", "options", "saying"),
    [
        ("wds:?endpoint=hv", {}, "image group"),
        ("wds:a%5Cb?endpoint=hv", {}, "image group"),
        ("wds:a*?endpoint=hv", {}, "image group"),
        ("wds://user:secret@host/Servers?endpoint=hv", {}, "names no place"),
        ("wds:Servers", {}, "which endpoint"),
        ("wds:Servers?endpoint=hv&grup=x", {}, "grup"),
        ("mdt:DeploymentShare?endpoint=hv", {}, "folder of the host"),
        ("mdt:C:/a%22b?endpoint=hv", {}, "folder of the host"),
        ("configmgr:PRIMARY?endpoint=hv", {}, "site code"),
        ("configmgr:P01?endpoint=hv", {}, "needs source"),
        ("configmgr:P01?endpoint=hv", {"source": "\\\\files\\sources"}, "needs folder"),
        ("configmgr:P01?endpoint=hv", {"source": "D:\\sources", "folder": "D:\\sources"}, "needs source"),
    ],
)
def test_what_cannot_be_is_bad_configuration(url: str, options: dict[str, str], saying: str) -> None:
    """One sentence, and what to write; no secret is repeated."""
    with pytest.raises(BadConfig) as met:
        understood(url, **options)
    assert saying in met.value.brief
    assert met.value.hint
    assert "secret" not in f"{met.value.brief}{met.value.hint}"


def test_an_endpoint_that_is_no_hyper_v_host_or_speaks_ssh_is_refused() -> None:
    """The modules are Windows PowerShell's, over WSMan."""
    with pytest.raises(BadConfig, match="no Hyper-V host"):
        understood("wds:Servers?endpoint=hv", "qemu:///embed")
    with pytest.raises(NotAble, match=r"PowerShell 5\.1"):
        understood("wds:Servers?endpoint=hv", "hyperv+ssh://golden@host.example.com")
