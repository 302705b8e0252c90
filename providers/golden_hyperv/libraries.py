"""
Opens the places to publish to that a Hyper-V host reaches. Nothing here imports psrpcore or pypsrp before it is needed.

``scvmm://VMMSERVER[:8100]/SHARE[/FOLDER]?endpoint=NAME``: a library share of System Center Virtual Machine Manager,
through the VMM console on the endpoint's host. The endpoint's table in golden.toml says how to log in to that host, the
library's own table who to be on the VMM server where that is somebody else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote

from golden.errors import BadConfig, NotAble
from golden.library import Library
from golden.model import Finding
from golden.options import cannot_open, endpoint_of, must_be_known, split
from golden.plugins import scheme, unusable
from golden.provider import Endpoint, Scope
from golden.written import expanded
from golden_hyperv.address import SSH, Address, parse

YES = {"yes": True, "no": False}
GENERATIONS = ("1", "2")
SCVMM = "scvmm://VMMSERVER/SHARE?endpoint=NAME"
PORT = 8100
_LOGIN = ("user", "password_env", "password_file", "keyring", "role")
_TEMPLATE = ("template", "hardware_profile", "guest_os_profile", "operating_system", "generation")
OPTIONS = ("endpoint", "library_server", "unencrypted", *_TEMPLATE, *_LOGIN)
_BAD = re.compile(r"[\\/:*?\"<>|\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Place:
    """A library share of a VMM server, as its URL and table say it."""

    library: str
    """The library's name in golden.toml."""
    server: str
    """The VMM server."""
    port: int
    share: str
    folder: str
    """Below the share, with backslashes; empty for the share itself."""
    address: Address
    """Of the host whose VMM console is used."""
    options: dict[str, str]

    @property
    def shown(self) -> str:
        """For messages."""
        return f"scvmm://{self.server}/{'/'.join(filter(None, (self.share, *self.folder.split(chr(92)))))}"

    def is_yes(self, option: str, default: str) -> bool:
        """A switch."""
        return YES[self.options.get(option, default)]


def understand(endpoint: Endpoint, scope: Scope, base: Path, *, whole: bool = True) -> Place:
    """
    BadConfig for a URL or option that cannot be, NotFound for an unknown endpoint, NotAble for one of SSH. Not
    ``whole``: a URL may name the server alone, for who asks which shares it has.
    """
    parts, port, options, below = _taken_apart(endpoint, whole=whole)
    _check(endpoint.name, options)
    if path := options.get("password_file"):
        options["password_file"] = str(base / expanded(path, f"library {endpoint.name}: password_file"))
    host = host_of(endpoint, endpoint_of(endpoint, scope, options.pop("endpoint", ""), SCVMM))
    return Place(endpoint.name, parts.hostname or "", port or PORT, below[0], "\\".join(below[1:]), host, options)


def _taken_apart(endpoint: Endpoint, *, whole: bool) -> tuple[SplitResult, int | None, dict[str, str], list[str]]:
    parts, port, options = split(endpoint, SCVMM)
    below = [unquote(part) for part in parts.path.strip("/").split("/")]
    if parts.username is not None or parts.password is not None:
        raise _bad(endpoint, "accounts do not belong into it", 'user = "DOMAIN\\\\golden" in its table')
    if not parts.hostname or parts.fragment or any(ord(one) < 32 for one in endpoint.url):
        raise _bad(endpoint, "it names no VMM server")
    bare = not whole and below == [""]
    if not bare and any(_BAD.search(part) or part != part.strip(" .") or not part for part in below):
        hint = f"like {SCVMM}; golden endpoint check NAME tells the shares there are"
        raise _bad(endpoint, "it names no library share", hint)
    return parts, port, options, below


def host_of(library: Endpoint, found: Endpoint) -> Address:
    """The endpoint a library names; NotAble where it is one of SSH, as the modules of libraries need WSMan."""
    if scheme(found.url) not in ("hyperv", "hyperv+ssh"):
        raise BadConfig(
            f"library {library.name} is reached by the endpoint {found.name}, which is no Hyper-V host: {found.url}"
        )
    address = parse(found)
    if address.transport == SSH:
        raise NotAble(
            f"library {library.name} needs Windows PowerShell 5.1, and endpoint {found.name} reaches PowerShell 7 by "
            "SSH",
            hint=f'an endpoint with url = "hyperv://{address.host}" (WinRM over HTTPS), and endpoint=ITS-NAME here',
        )
    return address


def _check(library: str, options: dict[str, str]) -> None:
    must_be_known(f"library {library}", options, OPTIONS)
    for key in ("template", "unencrypted"):
        if options.get(key, "no") not in YES:
            raise BadConfig(f"library {library}: {key} is yes or no, not {options[key]!r}")
    if options.get("generation", "2") not in GENERATIONS:
        raise BadConfig(f"library {library}: generation is 1 or 2, not {options['generation']!r}")
    if "user" not in options and any(key in options for key in ("password_env", "password_file", "keyring")):
        raise BadConfig(f"library {library} names a password and no user", hint='user = "DOMAIN\\\\golden"')


def _bad(endpoint: Endpoint, why: str, hint: str = "") -> BadConfig:
    return cannot_open(endpoint.url, why, hint or f"like {SCVMM}")


class ScvmmFactory:
    """Opens a library share of VMM; the share has to be there, the folder below it is made by the first publish."""

    name = "scvmm"
    schemes: tuple[str, ...] = ("scvmm",)

    def check_url(self, endpoint: Endpoint) -> None:
        """BadConfig for a URL that cannot be. Nothing is connected to; options may be written later."""
        _taken_apart(endpoint, whole=False)

    def open(self, endpoint: Endpoint, scope: Scope, base: Path) -> Library:
        """BadConfig, NotFound, NotAble without WSMan or the VMM console; Unreachable or Refused with VMM's words."""
        place = understand(endpoint, scope, base)
        try:
            from golden_hyperv.scvmm import opened
        except ImportError as error:
            raise unusable(error, "hyperv") from error
        return opened(place, scope)

    def diagnose(self, endpoint: Endpoint, scope: Scope, base: Path) -> tuple[Finding, ...]:
        """The library shares that VMM has, and whether the library's is one of them; the same errors as ``open``."""
        place = understand(endpoint, scope, base, whole=False)
        try:
            from golden_hyperv.scvmm import shares_of
        except ImportError as error:
            raise unusable(error, "hyperv") from error
        return shares_of(place, scope)


SCVMM_LIBRARY = ScvmmFactory()
