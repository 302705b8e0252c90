"""The files of disks on datastores, as real files: what a snapshot froze has bytes of its own that can be read."""

from __future__ import annotations

import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from tests.peers.vsphere.seeding import VM
from tests.peers.vsphere.upstream import Upstream
from tests.peers.vsphere.wire import tag

LAYOUT = "layoutEx.file"


class DataFiles:
    """Datastore paths, ``[LocalDS_0] vm/vm.vmdk``, in the simulator's folders."""

    def __init__(self, upstream: Upstream, datastores: list[str]) -> None:
        self._up = upstream
        self._roots: dict[str, Path] = {}
        self._listed: dict[str, list[ET.Element]] = {}
        for moid in datastores:
            found = upstream.texts("Datastore", moid, "name", "summary.url")
            self._roots[found["name"]] = Path(urlsplit(found["summary.url"]).path)

    def place(self, name: str) -> Path:
        """Where a datastore's file lies."""
        store, _, path = name.removeprefix("[").partition("] ")
        return self._roots[store] / path

    def freeze(self, moid: str, chains: list[list[str]], content: str, tree: Path) -> None:
        """
        Write what a machine's disks hold now: a descriptor with the content id, and in the first disk's extent a tar
        of the guest's tree, which stands for the disk's bytes.
        """
        added = []
        for at, chain in enumerate(chains):
            extent = self._extent(chain)
            self.place(extent).parent.mkdir(parents=True, exist_ok=True)
            with tarfile.open(self.place(extent), "w") as tar:
                if at == 0 and tree.is_dir():
                    tar.add(tree, "c")
            parent = f'parentFileNameHint="{chain[1]}"\n' if len(chain) > 1 else ""
            text = (
                f'# Disk DescriptorFile\nversion=1\nCID={content[:8]}\n{parent}RW VMFS "{extent.rpartition("/")[2]}"\n'
            )
            self.place(chain[0]).write_text(text)
            added += [(chain[0], "diskDescriptor"), (extent, "diskExtent")]
        self._list(moid, added, set())

    def remove(self, moid: str, names: set[str]) -> None:
        """Disks that were merged into others are no files any more."""
        gone = set()
        for name in names:
            stem = name.removesuffix(".vmdk")
            gone |= {name, *(f"{stem}-{kind}.vmdk" for kind in ("flat", "delta"))}
        for name in gone:
            self.place(name).unlink(missing_ok=True)
        self._list(moid, [], gone or {""})

    @staticmethod
    def _extent(chain: list[str]) -> str:
        return f"{chain[0].removesuffix('.vmdk')}-{'delta' if len(chain) > 1 else 'flat'}.vmdk"

    def _list(self, moid: str, added: list[tuple[str, str]], gone: set[str]) -> None:
        # A removed snapshot makes the simulator lose the folders of all names, so that what was listed last counts.
        found = self._listed.get(moid) if gone else None
        found = found or list(self._up.properties(VM, moid, LAYOUT).get(LAYOUT, ()))
        over = gone | {name for name, _ in added}
        names = [(each, each.findtext(tag("name"), "")) for each in found]
        kept = [each for each, name in names if name not in over and self.place(name).exists()]
        last = max((int(each.findtext(tag("key"), "0")) for each in kept), default=0)
        new = "".join(
            f'<VirtualMachineFileLayoutExFileInfo xsi:type="VirtualMachineFileLayoutExFileInfo"><key>{last + at}</key>'
            f"<name>{escape(name)}</name><type>{kind}</type><size>{self.place(name).stat().st_size}</size>"
            "<accessible>true</accessible></VirtualMachineFileLayoutExFileInfo>"
            for at, (name, kind) in enumerate(added, 1)
        )
        old = "".join(ET.tostring(each, encoding="unicode") for each in kept)
        val = f'<val xsi:type="ArrayOfVirtualMachineFileLayoutExFileInfo">{old}{new}</val>'
        self._up.change(VM, moid, {LAYOUT: val})
        self._listed[moid] = list(self._up.properties(VM, moid, LAYOUT).get(LAYOUT, ()))
