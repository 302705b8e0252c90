"""Disk chains as vCenter shows them: ``backing.parent``, kept where the simulator has one file only."""

from __future__ import annotations

import copy
import re
import secrets
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.upstream import Upstream, kind_of
from tests.peers.vsphere.wire import tag

DEVICES = "config.hardware.device"
SNAPSHOT = "VirtualMachineSnapshot"


class Disks:
    """The devices of machines and snapshots, read and written whole so that nothing is shared between two."""

    def __init__(self, upstream: Upstream) -> None:
        self._up = upstream
        self._chains: dict[str, list[list[str]]] = {}
        self._count = 0

    def devices(self, moid: str, kind: str = VM) -> ET.Element:
        """All devices of a machine or of a snapshot's configuration."""
        return self._up.properties(kind, moid, DEVICES)[DEVICES]

    def put(self, moid: str, devices: ET.Element, kind: str = VM) -> None:
        """Set them, and remember which files the disks stand on."""
        self._up.change(kind, moid, {DEVICES: ET.tostring(devices, encoding="unicode")})
        self._chains[moid] = [files(disk) for disk in disks(devices)]

    def forget(self, moid: str) -> None:
        """A machine or snapshot is gone."""
        self._chains.pop(moid, None)

    def chains(self, moid: str) -> list[list[str]]:
        """The files that each disk stands on, its own first."""
        return [files(disk) for disk in disks(self.devices(moid))]

    def owner(self, file: str) -> str:
        """The machine or snapshot one of whose disks is this very file; "" where it is nobody's."""
        return next((moid for moid, chains in self._chains.items() for chain in chains if chain[:1] == [file]), "")

    def stamp(self, devices: ET.Element) -> ET.Element:
        """New disks: a uuid each, and an id of what they hold."""
        for disk in disks(devices):
            backing = part(disk, "backing")
            _leaf(backing, "uuid", f"6000C29{secrets.token_hex(1)[0]}-{secrets.token_hex(12)}")
            _leaf(backing, "contentId", secrets.token_hex(16))
        return devices

    def written(self, moid: str) -> None:
        """A machine runs: its disks hold something else from now on."""
        made = self.devices(moid)
        for disk in disks(made):
            _leaf(part(disk, "backing"), "contentId", secrets.token_hex(16))
        self.put(moid, made)

    def freeze(self, moid: str, snapshot: str) -> None:
        """A snapshot was taken: it keeps the disks, the machine writes to new ones on top of them."""
        held = self.devices(moid)
        self.put(snapshot, held, SNAPSHOT)
        self.put(moid, self._grown(held))

    def revert(self, moid: str, snapshot: str) -> None:
        """The machine writes to new disks on top of the snapshot's."""
        self.put(moid, self._grown(self.devices(snapshot, SNAPSHOT)))

    def cloned(self, clone: str, base: ET.Element, *, linked: bool) -> None:
        """The clone's disks stand on the base's (linked) or on nothing; cards get addresses of their own."""
        made = self.devices(clone)
        for disk, under in zip(disks(made), disks(base), strict=False):
            backing, below = part(disk, "backing"), part(under, "backing")
            for parent in backing.findall(tag("parent")):
                backing.remove(parent)
            _leaf(backing, "uuid", f"6000C29{secrets.token_hex(1)[0]}-{secrets.token_hex(12)}")
            _leaf(backing, "contentId", below.findtext(tag("contentId"), ""))
            if linked:
                backing.append(_renamed(below))
        for card in made:
            address = card.find(tag("macAddress"))
            if address is not None and card.findtext(tag("addressType")) != "manual":
                address.text = "00:50:56:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3))
        self.put(clone, made)

    def flatten(self, moid: str) -> None:
        """PromoteDisks with unlink: the machine's disks stand on nothing any more."""
        made = self.devices(moid)
        for disk in disks(made):
            backing = part(disk, "backing")
            for parent in backing.findall(tag("parent")):
                backing.remove(parent)
        self.put(moid, made)

    def merge(self, moid: str, snapshot: str, left: list[str]) -> set[str]:
        """
        A snapshot was removed: what the machine and its snapshots that are ``left`` have on top of files that are no
        snapshot's any more is merged into these.

        Where another machine's disks stand on a file it stays, and so does the chain's depth, until a later removal.
        The files that nobody needs any more.
        """
        self.forget(snapshot)
        mine = {moid, *left}
        held = {chain[0] for owner in left for chain in self._chains.get(owner, ()) if chain}
        shared = {n for owner, chains in self._chains.items() if owner not in mine for chain in chains for n in chain}
        places = {chain[0].rpartition("/")[0] for chain in self._chains.get(moid, ()) if chain}
        under = {n for owner in mine for chain in self._chains.get(owner, ()) for n in chain}
        gone = {n for n in under - held - shared if n.rpartition("/")[0] in places}  # never into another's folder
        before = {name for owner in mine for chain in self._chains.get(owner, ()) for name in chain}
        for owner in [moid, *left]:
            kind = VM if owner == moid else SNAPSHOT
            made = self.devices(owner, kind)
            for disk in disks(made):
                _collapse(part(disk, "backing"), gone)
            self.put(owner, made, kind)
        return before - {name for chains in self._chains.values() for chain in chains for name in chain}

    def _grown(self, devices: ET.Element) -> ET.Element:
        made = copy.deepcopy(devices)
        for disk in disks(made):
            backing = part(disk, "backing")
            below = _renamed(backing)
            for parent in backing.findall(tag("parent")):
                backing.remove(parent)
            self._count += 1
            name = re.sub(r"(-\d{6})?\.vmdk$", "", backing.findtext(tag("fileName"), ""))
            _text(backing, "fileName", f"{name}-{self._count:06d}.vmdk")
            backing.append(below)
        return made


def disks(devices: ET.Element) -> Iterator[ET.Element]:
    """The disks among devices."""
    return (each for each in devices if kind_of(each) == "VirtualDisk")


def files(disk: ET.Element) -> list[str]:
    """The files a disk stands on, its own first."""
    found, at = [], disk.find(tag("backing"))
    while at is not None:
        found.append(at.findtext(tag("fileName"), ""))
        at = at.find(tag("parent"))
    return found


def part(element: ET.Element, name: str) -> ET.Element:
    """A part that must be there."""
    found = element.find(tag(name))
    assert found is not None, f"{element.tag} without {name}"
    return found


def _renamed(backing: ET.Element) -> ET.Element:
    made = copy.deepcopy(backing)
    made.tag = tag("parent")
    return made


def _text(element: ET.Element, name: str, text: str) -> None:
    found = element.find(tag(name))
    assert found is not None
    found.text = text


def _collapse(backing: ET.Element, gone: set[str]) -> None:
    """Whoever stands directly on one of these files becomes it."""
    while (under := backing.find(tag("parent"))) is not None:
        if under.findtext(tag("fileName")) in gone:
            _text(backing, "fileName", under.findtext(tag("fileName"), ""))
            backing.remove(under)
            backing.extend(under.findall(tag("parent")))
        else:
            backing = under


def _leaf(element: ET.Element, name: str, text: str) -> None:
    found = element.find(tag(name))
    if found is None:
        found = ET.SubElement(element, tag(name))
    found.text = text
