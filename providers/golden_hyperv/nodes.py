"""
Nodes of a failover cluster: machines are seen, and guests are reached, on the node that owns them only.

A session on one node cannot go on to another (second hop), so golden opens one there itself, with the account and the
authorities of the endpoint. What pins one host's certificate or key says nothing of another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from golden.errors import BadConfig, Conflict, NotAble, Refused, Unreachable
from golden.waiting import Watcher
from golden_hyperv.address import SIDE, Address
from golden_hyperv.line import Line

PINS = ("thumbprint", "host_key")


def is_same(one: str, other: str) -> bool:
    """Whether two names are one node's: a cluster tells the first label, golden.toml may have the whole name."""
    return one.partition(".")[0].casefold() == other.partition(".")[0].casefold()


def address_of(address: Address, node: str) -> Address:
    """
    Another node's: as ``nodes`` in golden.toml says, else its name in the domain of the endpoint's own. BadConfig where
    golden.toml pins the certificate or key of one host.
    """
    pin = next((key for key in PINS if key in address.options), None)
    if pin is not None:
        raise BadConfig(
            f"{pin} in golden.toml is that of one host, not of the node {node}",
            hint="ca_file or known_hosts_file, which hold for all nodes",
        )
    told = next((where for name, where in address.nodes if is_same(name, node)), "")
    host, port = _parted(told) if told else (node, 0)
    domain = address.host.partition(".")[2] if not address.host.replace(".", "").isdigit() else ""
    if not told and "." not in node and domain:
        host = f"{node}.{domain}"
    options = {key: value for key, value in address.options.items() if key not in SIDE}
    return replace(address, host=host, port=port or address.port, options=options)


def _parted(where: str) -> tuple[str, int]:
    host, _, port = where.rpartition(":")
    return (host, int(port)) if host and port.isdigit() else (where, 0)


def missed(address: Address, first: str, where: str, second: str) -> Conflict:
    """What to say where neither the endpoint's URL nor the wanted node's own name leads to that node."""
    return Conflict(
        f"golden.toml wants the cluster node {address.node}; {address.shown} leads to {first}",
        details=f"and {where} to {second}",
        hint=f'nodes = "{address.node}=HOST:PORT"',
    )


@contextmanager
def opened(address: Address, node: str, job: str, watcher: Watcher) -> Iterator[Line]:
    """A session of its own on that node. Conflict, with what to write into golden.toml, where there is no way to it."""
    try:
        line = Line(address_of(address, node), job, watcher)
    except (BadConfig, NotAble, Refused, Unreachable) as error:
        raise Conflict(
            f"the cluster node {node} owns it, and golden does not get there from {address.shown}",
            details=f"{error.brief}{f' ({error.details})' if error.details else ''}",
            hint=f'nodes = "{node}=HOST:PORT" in golden.toml where its name does not lead there; or an endpoint with '
            f'url = "hyperv://{node}"; or move it to this node in the Failover Cluster Manager',
        ) from error
    try:
        yield line
    finally:
        line.close()
