"""Which Hyper-V host an endpoint's URL means, and what its options say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from golden.errors import BadConfig
from golden.options import GUEST, cannot_open, must_be_known, number, public, split, thumbprint
from golden.provider import Endpoint

EXAMPLE = "hyperv://host.example.com or hyperv+ssh://golden@host.example.com"
WSMAN, SSH = "wsman", "ssh"
PORTS = {WSMAN: 5986, SSH: 22}
FOLDER = "C:\\golden"
AUTHS = ("negotiate", "kerberos", "certificate", "credssp")
LOGIN = ("user", "auth", "password_env", "password_file", "keyring", "key_file", "key_passphrase_file",
         "certificate_file", "certificate_key_file")  # fmt: skip
TRUST = ("ca_file", "thumbprint", "known_hosts_file", "host_key")
PLACE = ("folder", "networks", "snapshot_depth", "node", "nodes")
SIDE = ("ssh_host_key", "ssh_known_hosts_file", "ssh_port", "ssh_user", "ssh_key_file", "ssh_key_passphrase_file")
"""Of a WSMan endpoint: its host's OpenSSH, where large files go by SFTP, many times faster than through WSMan."""
OPTIONS = (*LOGIN, *TRUST, *PLACE, *GUEST, *SIDE)
DEPTH = 10
"""Differencing disks on top of each other before golden makes a full clone; Hyper-V documents no limit."""
DEEPEST = 30
_FOLDER = re.compile(r"[A-Za-z]:(\\[^\\/:*?\"<>|\[\]\x00-\x1f]+)+|\\\\[^\\/:*?\"<>|\[\]\x00-\x1f]+"
                     r"(\\[^\\/:*?\"<>|\[\]\x00-\x1f]+)+")  # fmt: skip


_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_WHERE = re.compile(_HOST.pattern + r"(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint that has been understood. Holds no secret, only where to read one."""

    endpoint: str
    """Its name in golden.toml."""
    transport: str
    """wsman | ssh"""
    host: str
    port: int
    user: str
    """Empty where none is named: a ticket of Kerberos', or a client certificate."""
    auth: str
    """negotiate | kerberos | certificate | credssp over WSMan; ``ssh`` over SSH."""
    folder: str
    """Where golden's files lie on the host, by its own path, without a separator at the end."""
    networks: tuple[str, ...]
    """Names of the switches a clone may be connected to; empty where none may."""
    options: dict[str, str]
    thumbprint: str = ""
    """SHA-256 of the server's certificate, 64 small hexadecimal digits, or nothing."""
    snapshot_depth: int = DEPTH
    node: str = ""
    """The node of a cluster that golden's machines live on, where the URL may lead to another one."""
    nodes: tuple[tuple[str, str], ...] = ()
    """Where nodes are reached whose names do not lead there: name, and HOST or HOST:PORT."""

    @property
    def shown(self) -> str:
        """For messages."""
        scheme = "hyperv" if self.transport == WSMAN else "hyperv+ssh"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}" + (f":{self.port}" if self.port != PORTS[self.transport] else "")


def parse(endpoint: Endpoint) -> Address:
    """BadConfig for a URL or an option that cannot be."""
    parts, port, options = split(endpoint, EXAMPLE)
    transport = {"hyperv": WSMAN, "hyperv+ssh": SSH}.get(parts.scheme)
    if transport is None or not parts.hostname or parts.fragment or any(ord(one) < 32 for one in endpoint.url):
        raise _bad(endpoint.url, "it names no Hyper-V host")
    if parts.path.strip("/"):
        raise _bad(
            endpoint.url, "a Hyper-V host has no path", 'folder = "D:\\\\golden" says where golden keeps its files'
        )
    if parts.password is not None or (parts.username is not None and transport == WSMAN):
        raise _bad(endpoint.url, "passwords do not belong into a URL", 'user = "golden" and password_env')
    must_be_known(f"the endpoint {public(endpoint.url)}", options, OPTIONS)
    _check_transport(transport, options)
    return Address(
        endpoint=endpoint.name,
        transport=transport,
        host=parts.hostname,
        port=port or PORTS[transport],
        user=options.get("user") or unquote(parts.username or ""),
        auth=_auth(transport, options),
        folder=_folder(options.get("folder", FOLDER)),
        networks=tuple(filter(None, (name.strip() for name in options.get("networks", "").split(",")))),
        options=options,
        thumbprint=thumbprint(options.get("thumbprint", ""), "a Hyper-V endpoint"),
        snapshot_depth=number("snapshot_depth", options.get("snapshot_depth", str(DEPTH)), DEEPEST),
        node=_node(options.get("node", "")),
        nodes=_nodes(options.get("nodes", "")),
    )


_OF_SSH = ("key_file", "key_passphrase_file", "known_hosts_file", "host_key")
_OF_WSMAN = ("auth", "ca_file", "thumbprint", "certificate_file", "certificate_key_file", *SIDE)


def _check_transport(transport: str, options: dict[str, str]) -> None:
    """An option of the other transport would be believed and do nothing."""
    foreign = next((key for key in (_OF_SSH if transport == WSMAN else _OF_WSMAN) if key in options), None)
    if foreign is not None:
        scheme = "hyperv+ssh" if transport == WSMAN else "hyperv"
        raise BadConfig(f"{foreign} means nothing here: it belongs to URLs of {scheme}://", hint=f"like {EXAMPLE}")


def _auth(transport: str, options: dict[str, str]) -> str:
    if transport == SSH:
        return SSH
    auth = options.get("auth", AUTHS[0])
    if auth == "basic":
        raise BadConfig(
            "auth = basic is refused: it sends the password itself to the host",
            hint=f"auth = one of {', '.join(AUTHS)}",
        )
    if auth not in AUTHS:
        raise BadConfig(f"golden does not know auth = {auth!r}", hint=f"auth = one of {', '.join(AUTHS)}")
    return auth


def _node(name: str) -> str:
    if name and not _HOST.fullmatch(name):
        raise BadConfig(f"node is the name of a cluster's node, not {name!r}", hint='node = "HV1"')
    return name


def _nodes(text: str) -> tuple[tuple[str, str], ...]:
    found = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        name, _, where = (part.strip() for part in one.partition("="))
        if not _HOST.fullmatch(name) or not _WHERE.fullmatch(where):
            raise BadConfig(f"nodes says NAME=HOST or NAME=HOST:PORT, not {one!r}", hint='nodes = "HV2=10.0.0.12:5986"')
        found.append((name, where))
    return tuple(found)


def _folder(text: str) -> str:
    """Wildcard characters would be taken for patterns by cmdlets that have no -LiteralPath."""
    text = text.replace("/", "\\").rstrip("\\")
    if not _FOLDER.fullmatch(text) or any(
        part in (".", "..") or part != part.strip(" .") for part in text.split("\\")[1:]
    ):
        raise BadConfig(
            f"folder is no folder on a Windows host: {text!r}",
            hint='folder = "D:\\\\golden", or one on a cluster\'s volume: "C:\\\\ClusterStorage\\\\Volume1\\\\golden"',
        )
    return text


def _bad(url: str, why: str, hint: str = "") -> BadConfig:
    return cannot_open(url, why, hint or f"like {EXAMPLE}")
