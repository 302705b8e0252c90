"""
Opens vCenter's places to publish to. Nothing here imports pyVmomi or httpx before they are needed.

``vcenter-template:FOLDER?endpoint=NAME``, a folder of templates; ``content-library:NAME?endpoint=NAME&kind=ovf``, or
``kind=vmtx``, items of a content library. The endpoint's table in golden.toml says how to log in and whom to believe.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from golden.errors import BadConfig
from golden.library import Library
from golden.options import endpoint_of, must_be_known, split
from golden.plugins import scheme, unusable
from golden.provider import Endpoint, Scope
from golden_vsphere.address import Address, parse

TEMPLATES = "vcenter-template:templates/golden?endpoint=NAME"
CONTENT = "content-library:NAME?endpoint=NAME&kind=ovf"
KINDS = ("ovf", "vmtx")
YES = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Place:
    """A library's URL that has been understood."""

    path: str
    """Folder or content library, as people write it."""
    address: Address
    """Of the endpoint it lies on."""
    options: dict[str, str]


def understand(endpoint: Endpoint, scope: Scope, example: str, known: tuple[str, ...]) -> Place:
    """BadConfig for a URL or option that cannot be, NotFound for an endpoint that golden.toml does not have."""
    path, options = _taken_apart(endpoint, example)
    must_be_known(f"library {endpoint.name}", options, known)
    return Place(path, _on(endpoint, endpoint_of(endpoint, scope, options.pop("endpoint", ""), example)), options)


def _taken_apart(endpoint: Endpoint, example: str) -> tuple[str, dict[str, str]]:
    parts, _, options = split(endpoint, example)
    path = unquote(parts.path).strip("/")
    if not path or parts.netloc or parts.fragment or any(ord(one) < 32 for one in endpoint.url):
        raise BadConfig(f"the URL {endpoint.url!r} names no place on a vCenter", hint=f"like {example}")
    return path, options


def _on(library: Endpoint, found: Endpoint) -> Address:
    if scheme(found.url) != "vsphere":
        raise BadConfig(f"library {library.name} lies on the endpoint {found.name}, which is no vCenter: {found.url}")
    return parse(found)


class TemplateLibraryFactory:
    """Opens ``vcenter-template:FOLDER/BELOW?endpoint=NAME``; the folder is made by the first publish."""

    name = "vcenter-template"
    schemes: tuple[str, ...] = ("vcenter-template",)

    def check_url(self, endpoint: Endpoint) -> None:
        """BadConfig for a URL that cannot be. Nothing is connected to; options may be written later."""
        _taken_apart(endpoint, TEMPLATES)

    def open(self, endpoint: Endpoint, scope: Scope, base: Path) -> Library:  # noqa: ARG002 - the contract's
        """BadConfig, NotFound, NotAble for an ESXi host; Unreachable or Refused with vCenter's words."""
        place = understand(endpoint, scope, TEMPLATES, ("endpoint",))
        try:
            from golden_vsphere.publishing import open_vcenter
            from golden_vsphere.template_library import TemplateLibrary
        except ImportError as error:
            raise unusable(error, "vsphere") from error
        address = replace(place.address, folder=tuple(filter(None, place.path.split("/"))))
        line = open_vcenter(address)
        try:
            return TemplateLibrary(line, address, endpoint.name, scope)
        except BaseException:
            line.close()
            raise


class ContentLibraryFactory:
    """Opens ``content-library:NAME?endpoint=NAME&kind=ovf`` and ``kind=vmtx``; the library has to be there."""

    name = "content-library"
    schemes: tuple[str, ...] = ("content-library",)

    def check_url(self, endpoint: Endpoint) -> None:
        """BadConfig for a URL that cannot be. Nothing is connected to; options may be written later."""
        _taken_apart(endpoint, CONTENT)

    def open(self, endpoint: Endpoint, scope: Scope, base: Path) -> Library:  # noqa: ARG002 - the contract's
        """BadConfig, NotFound, NotAble for an ESXi host or a subscribed library; Unreachable or Refused."""
        place = understand(endpoint, scope, CONTENT, ("endpoint", "kind", "current", "folder"))
        kind, current = place.options.get("kind", "ovf"), place.options.get("current", "no")
        if kind not in KINDS:
            raise BadConfig(f"library {endpoint.name}: kind is {' or '.join(KINDS)}, not {kind!r}", hint=CONTENT)
        if current not in YES or (YES[current] and kind != "ovf"):
            hint = "current = yes keeps one OVF item by the reference's name that is always its newest image"
            raise BadConfig(f"library {endpoint.name}: current = {current!r} with kind {kind} cannot be", hint=hint)
        if "folder" in place.options and kind != "vmtx":
            raise BadConfig(f"library {endpoint.name}: only template items (kind=vmtx) lie in a folder")
        try:
            from golden_vsphere.content_library import opened
        except ImportError as error:
            raise unusable(error, "vsphere") from error
        return opened(place, endpoint.name, scope, kind, current=YES[current])


TEMPLATE_LIBRARY = TemplateLibraryFactory()
CONTENT_LIBRARY = ContentLibraryFactory()
