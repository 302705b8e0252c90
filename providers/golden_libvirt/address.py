"""Which libvirt an endpoint's URL means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from golden.errors import BadConfig
from golden.options import GUEST, must_be_known
from golden.provider import Endpoint

SSH_OPTIONS = {"keyfile", "known_hosts", "known_hosts_verify", "no_tty", "no_verify", "socket", "mode", "proxy"}
"""Of libvirt's URI options those that choose keys and sockets; ``command`` and ``netcat`` would run programs."""
EXAMPLES = "qemu:///embed, qemu:///embed?root=/short/folder, qemu:///system, qemu:///session, qemu+ssh://host/system"


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that has been understood."""

    uri: str
    """What libvirt is given; for the embedded driver without its root."""
    embedded: bool
    base: Path | None = None
    """Only embedded: the folder a user wants the roots below."""
    remote: bool = False
    """The daemon runs on another host: its files are not ours to see."""

    @property
    def session(self) -> bool:
        """The daemon is the user's own."""
        return self.uri.partition("?")[0].endswith("/session")


def parse(url: str) -> Address:
    """BadConfig for anything that is not one of EXAMPLES."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError as error:
        raise _bad(url, str(error)) from error
    if any(ord(letter) < 32 for letter in url) or parts.fragment:
        raise _bad(url, "it holds characters that no address has")
    if parts.scheme == "qemu" and not parts.netloc and parts.path == "/embed":
        return _embedded(url, query)
    if parts.scheme == "qemu" and not parts.netloc and parts.path in ("/system", "/session") and not query:
        return Address(url, embedded=False)
    if parts.scheme == "qemu+ssh" and parts.hostname and parts.path in ("/system", "/session"):
        if parts.password or parts.netloc.startswith("-") or (parts.username or "").startswith("-"):
            raise _bad(url, "the host or user name in it cannot be, and passwords do not belong there")
        unknown = sorted(set(query) - SSH_OPTIONS)
        if unknown:
            raise _bad(url, f"golden does not pass on the option {unknown[0]!r}")
        return Address(url, embedded=False, remote=True)
    raise _bad(url, "it names no libvirt that golden knows")


def understand(endpoint: Endpoint) -> Address:
    """The same of an endpoint, with its table in golden.toml. BadConfig for an option that says nothing to it, too."""
    address = parse(endpoint.url)
    own = ("virt_type",) if address.embedded else ("pool", "virt_type")
    told = [key for key in endpoint.options if key not in GUEST]
    must_be_known(f"endpoint {endpoint.name}", told, own)
    return address


def _embedded(url: str, query: dict[str, str]) -> Address:
    root = query.pop("root", None)
    if query:
        raise _bad(url, f"the embedded driver has no option {sorted(query)[0]!r}")
    if root is not None and not root.startswith("/"):
        raise _bad(url, "root must be an absolute path")
    return Address("qemu:///embed", embedded=True, base=Path(root) if root else None)


def _bad(url: str, why: str) -> BadConfig:
    url = re.sub(r":[^:@/]*@", ":***@", url)
    return BadConfig(f"the URL {url!r} cannot be opened: {why}", hint=f"one of: {EXAMPLES}")
