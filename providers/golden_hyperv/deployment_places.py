"""
Opens the deployment services that a host runs: WDS, MDT, ConfigMgr. Nothing here imports psrpcore before it is needed.

``wds:GROUP?endpoint=NAME``: an image group of the Windows Deployment Services of the endpoint's host.
``mdt:C:/DeploymentShare?endpoint=NAME``: a share of the Microsoft Deployment Toolkit, by its folder on the host.
``configmgr:SITE?endpoint=NAME``: a site of Configuration Manager, through the console on the host; ``source`` in the
library's table is the UNC path that the site reads packages from, ``folder`` the same folder by the host's own path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from golden.errors import BadConfig
from golden.library import Library
from golden.options import cannot_open, endpoint_of, must_be_known, split
from golden.plugins import scheme, unusable
from golden.provider import Endpoint, Scope
from golden_hyperv.address import Address
from golden_hyperv.libraries import host_of

EXAMPLES = {
    "wds": "wds:Servers?endpoint=NAME",
    "mdt": "mdt:C:/DeploymentShare?endpoint=NAME",
    "configmgr": "configmgr:P01?endpoint=NAME",
}
OPTIONS = {
    "wds": ("endpoint",),
    "mdt": ("endpoint", "module"),
    "configmgr": ("endpoint", "source", "folder", "server", "module"),
}
_FOLDER = re.compile(r"[A-Za-z]:(\\[^\\/:*?\"<>|\[\]\x00-\x1f]+)+")
_UNC = re.compile(r"\\\\[^\\/:*?\"<>|\[\]\x00-\x1f]+(\\[^\\/:*?\"<>|\[\]\x00-\x1f]+)+")
_GROUP = re.compile(r"[^\\/:*?\"<>|\[\]`\x00-\x1f]{1,64}")
_SITE = re.compile(r"[A-Za-z0-9]{3}")


@dataclass(frozen=True, slots=True)
class Place:
    """A place to publish to, as its URL and table say it."""

    library: str
    """Its name in golden.toml."""
    kind: str
    """wds | mdt | configmgr"""
    name: str
    """The image group, the share's folder on the host, the site's code."""
    address: Address
    options: dict[str, str]

    @property
    def shown(self) -> str:
        """For messages."""
        return f"{self.kind}:{self.name}"


def understand(endpoint: Endpoint, scope: Scope) -> Place:
    """BadConfig for a URL or option that cannot be; NotAble where the endpoint is one of SSH."""
    kind, name, options = _taken_apart(endpoint)
    _check(endpoint.name, kind, options)
    address = host_of(endpoint, endpoint_of(endpoint, scope, options.pop("endpoint", ""), EXAMPLES[kind]))
    return Place(endpoint.name, kind, name, address, options)


def _taken_apart(endpoint: Endpoint) -> tuple[str, str, dict[str, str]]:
    kind = scheme(endpoint.url)
    parts, _, options = split(endpoint, EXAMPLES[kind])
    name = unquote(parts.path)
    if parts.netloc or parts.fragment or any(ord(one) < 32 for one in endpoint.url):
        raise _bad(endpoint, kind, "it names no place of this kind")
    if kind == "mdt":
        name = name.replace("/", "\\").rstrip("\\")
    fits = {"wds": _GROUP, "mdt": _FOLDER, "configmgr": _SITE}[kind].fullmatch(name)
    if fits is None or name != name.strip(" ."):
        what = {"wds": "an image group", "mdt": "a folder of the host", "configmgr": "a site code of three signs"}[kind]
        raise _bad(endpoint, kind, f"{name!r} is not {what}")
    return kind, name, options


def _check(library: str, kind: str, options: dict[str, str]) -> None:
    must_be_known(f"library {library}", options, OPTIONS[kind])
    if kind != "configmgr":
        return
    for key, pattern, like in (("source", _UNC, "\\\\server\\sources"), ("folder", _FOLDER, "D:\\sources")):
        if not pattern.fullmatch(options.get(key, "")):
            raise BadConfig(
                f"library {library} needs {key}, the folder of its packages, not {options.get(key, '')!r}",
                hint=f"{key} = '{like}' in [libraries.{library}]",
            )


def _bad(endpoint: Endpoint, kind: str, why: str) -> BadConfig:
    return cannot_open(endpoint.url, why, f"like {EXAMPLES[kind]}")


@dataclass(frozen=True, slots=True)
class DeploymentFactory:
    """Opens one kind of them."""

    name: str
    schemes: tuple[str, ...]

    def check_url(self, endpoint: Endpoint) -> None:
        """BadConfig for a URL that cannot be. Nothing is connected to; options may be written later."""
        _taken_apart(endpoint)

    def open(self, endpoint: Endpoint, scope: Scope, base: Path) -> Library:  # noqa: ARG002 - no paths of this computer
        """BadConfig, NotFound, NotAble without WSMan or the module; Unreachable or Refused with the host's words."""
        place = understand(endpoint, scope)
        try:
            from golden_hyperv.deployment import opened
        except ImportError as error:
            raise unusable(error, "hyperv") from error
        return opened(place, scope)


WDS_LIBRARY = DeploymentFactory("wds", ("wds",))
MDT_LIBRARY = DeploymentFactory("mdt", ("mdt",))
CONFIGMGR_LIBRARY = DeploymentFactory("configmgr", ("configmgr",))
