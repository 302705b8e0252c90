"""A user's own machine: powered off, a disk with a stand-in Windows on it, one network adapter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.hyperv.host import store, trees, vhdx
from tests.peers.hyperv.host.disks import Disks
from tests.peers.hyperv.host.store import Store
from tests.peers.hyperv.shape import Shape
from tests.peers.vsphere.guests import Guests, seeded
from tests.peers.vsphere.seeding import Shape as Standin

SIZE = 64 << 20
WINDOWS = "\\HD(1,GPT,5A3C9F6E-0000-4C0B-9A3B-6E0B0F6A0001,0x800,0x32000)\\EFI\\Microsoft\\Boot\\bootmgfw.efi"
"""What Windows' own boot entry names."""


@dataclass(frozen=True)
class Seeded:
    """A machine that is there: name, id, and the Windows paths of its disks."""

    name: str
    id: str
    disks: tuple[str, ...]

    @property
    def disk(self) -> str:
        """The first disk."""
        return self.disks[0]


class Seeding:
    """Makes machines that golden did not make."""

    def __init__(self, shape: Shape, known: Store, disks: Disks, locate: Callable[[str], Path], guests: Guests) -> None:
        self._shape, self._store, self._disks, self._locate, self._guests = shape, known, disks, locate, guests

    def seed(
        self, name: str, *, state: str | None = "VIRGIN", faults: tuple[tuple[str, object], ...] = (),
        folder: str = "C:\\VMs", generation: int = 2, disks: int = 1, kind: str = "vhdx", chain: int = 0,
        size: int = SIZE, switch: str | None = None, odd: tuple[str, ...] = (), system: int = 0,
        entries: tuple[str, ...] = (WINDOWS,), parents: str = "", **fields: Any,
    ) -> Seeded:  # fmt: skip
        """
        A machine; ``state`` and ``faults`` are the stand-in's (None: an empty disk). ``chain``: so many differencing
        disks on top. ``odd``: of ``shielded``, ``tpm``, ``clustered``, ``checkpoint``, ``shared``. ``system``: which of
        the disks it boots from; ``entries``: firmware paths of its own entries (generation 2). ``parents``: another
        folder for the first disks of chains. ``fields``: any of the
        store's, ``node`` for one.
        """
        place = f"{folder}\\{name}"
        self._locate(place).mkdir(parents=True, exist_ok=True)
        paths = []
        for number in range(disks):
            stem = f"{place}\\disk{number or ''}"
            bottom = f"{parents}\\{name}\\disk{number or ''}" if parents else stem
            paths.append(self._disk((bottom, stem), kind, size, chain, state if number == system else None, faults))
        boot = [*(f"File|{each}" for each in entries), f"Drive|{paths[system]}"] if generation == 2 and paths else []
        network = self._shape.switches[0][0] if switch is None and self._shape.switches else switch or ""
        made = store.new_machine(
            name, generation=generation, path=place, memory=2 << 30, processors=2,
            automatic_checkpoints=self._shape.client, boot_order=boot,
            disks=[{"type": "SCSI" if generation == 2 else "IDE", "number": 0, "location": at, "path": path,
                    "shared": "shared" in odd and at > 0} for at, path in enumerate(paths)],
            adapters=[store.adapter("Network Adapter", network)], shielded="shielded" in odd,
            tpm="tpm" in odd or "shielded" in odd, key_protector="local" if {"tpm", "shielded"} & set(odd) else False,
            clustered="clustered" in odd or bool(fields.get("node")), **fields,
        )  # fmt: skip
        self._store.put(made)
        return Seeded(name, made["id"], tuple(paths))

    def _disk(
        self, stems: tuple[str, str], kind: str, size: int, chain: int, state: str | None,
        faults: tuple[tuple[str, object], ...],
    ) -> str:  # fmt: skip
        path, stem = f"{stems[0]}.{kind}", stems[1]
        real = self._locate(path)
        real.parent.mkdir(parents=True, exist_ok=True)
        if kind != "vhdx":
            real.write_bytes(b"conectix".ljust(1 << 20, b"\0"))  # a VHD is only ever refused
            return path
        vhdx.create(real, size, block=2 << 20)
        if state is not None:
            with self._disks.open(real, write=True) as disk:
                trees.store(disk, seeded(Standin(state=state, faults=faults)) / "c")
        for number in range(chain):
            above = f"{stem}-{number + 1}.{kind}"
            self._disks.child(self._locate(above), self._locate(path), path)
            path = above
        return path
