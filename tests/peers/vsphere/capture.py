"""OVF items: a machine written down as descriptor, disks and manifest, and machines made of that again."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from tests.peers.vsphere.guests import Guests
from tests.peers.vsphere.library import Item, Libraries
from tests.peers.vsphere.rest import Problem, Wanted
from tests.peers.vsphere.seeding import VM, Making, Shape
from tests.peers.vsphere.upstream import Upset, Upstream

OVF = "http://schemas.dmtf.org/ovf/envelope/1"


class Captures:
    """What ``vcenter/ovf/library-item`` serves."""

    def __init__(self, upstream: Upstream, guests: Guests, libraries: Libraries, making: Making) -> None:
        self._up, self._guests, self._libraries, self._making = upstream, guests, libraries, making

    def serve(self, wanted: Wanted, unlucky: str) -> Any:
        """Capture or deploy; ``unlucky`` is what an injected rule wants it to end with: succeeded false."""
        rest = wanted.path[3:]
        if wanted.verb != "POST":
            raise NotImplementedError
        if not rest:
            return self._capture(wanted, unlucky)
        if wanted.action == "deploy":
            return self._deploy(rest[0], wanted.given, unlucky)
        raise NotImplementedError

    def _capture(self, wanted: Wanted, unlucky: str) -> dict[str, Any]:
        source, target, spec = (wanted.given.get(key, {}) for key in ("source", "target", "create_spec"))
        moid = str(source.get("id", ""))
        seen = self._seen(moid)
        if unlucky or seen.get("runtime.powerState") != "poweredOff":
            return failed(unlucky or "The operation is not allowed in the current state: the machine is powered on.")
        with self._libraries.lock:
            made = self._libraries.once(wanted.token, lambda: self._written(moid, target, spec))
        return {"succeeded": True, "ovf_library_item_id": made}

    def _seen(self, moid: str) -> dict[str, str]:
        try:
            return self._up.texts(VM, moid, "name", "runtime.powerState", "config.annotation")
        except Upset:
            raise Problem("not_found", f"The virtual machine {moid} was not found.") from None

    def _written(self, moid: str, target: dict[str, Any], spec: dict[str, Any]) -> str:
        libraries = self._libraries
        if target.get("library_item_id"):  # name and description stay (docs/facts: vsphere 8)
            item = libraries.item(target["library_item_id"])
            if item.kind != "ovf":
                raise Problem("invalid_element_type", "The item is no OVF item.")
        else:
            library, name = str(target.get("library_id", "")), str(spec.get("name", ""))
            item = libraries.add_item(library, name, "ovf", str(spec.get("description", "")))
        folder = libraries.folder / f"new-{uuid.uuid4().hex}"
        self._write(folder, item.name, moid, spec.get("flags", []))
        libraries.fill(item, folder)
        item.kept = self._making.shape(moid)
        return item.id

    def _write(self, folder: Path, name: str, moid: str, flags: list[str]) -> None:
        folder.mkdir()
        disk = folder / f"{name}-1.vmdk"
        # The guest's tree stands for the bytes of its disk: another content is another file.
        with tarfile.open(disk, "w") as tar:
            if self._guests.has(moid):
                tar.add(self._guests.of(moid) / "c", "c")
        if self._guests.has(moid):
            shutil.copytree(self._guests.of(moid) / "c", folder / "guest/c", symlinks=True)
        (folder / f"{name}.ovf").write_bytes(self._descriptor(name, moid, disk, flags))
        sums = [f"SHA1({p.name})= {hashlib.sha1(p.read_bytes()).hexdigest()}" for p in sorted(folder.glob("*.*"))]
        (folder / f"{name}.mf").write_text("\n".join(sums) + "\n")

    def _descriptor(self, name: str, moid: str, disk: Path, flags: list[str]) -> bytes:
        found = self._up.properties(VM, moid, "config.extraConfig", "config.annotation")
        root = ET.Element(f"{{{OVF}}}Envelope")
        references = ET.SubElement(root, f"{{{OVF}}}References")
        about = {f"{{{OVF}}}href": disk.name, f"{{{OVF}}}id": "file1", f"{{{OVF}}}size": str(disk.stat().st_size)}
        ET.SubElement(references, f"{{{OVF}}}File", about)
        system = ET.SubElement(root, f"{{{OVF}}}VirtualSystem", {f"{{{OVF}}}id": name})
        annotation = found.get("config.annotation")
        if annotation is not None and annotation.text:
            ET.SubElement(system, f"{{{OVF}}}AnnotationSection").text = annotation.text
        if "EXTRA_CONFIG" in flags:
            for option in found.get("config.extraConfig", ()):
                key, text = (each.text or "" for each in list(option)[:2])
                ET.SubElement(system, f"{{{OVF}}}ExtraConfig", {f"{{{OVF}}}key": key, f"{{{OVF}}}value": text})
        written: bytes = ET.tostring(root, xml_declaration=True, encoding="utf-8")
        return written

    def _deploy(self, moid: str, given: dict[str, Any], unlucky: str) -> dict[str, Any]:
        item = self._libraries.item(moid)
        spec = given.get("deployment_spec", {})
        if not item.content:
            raise Problem("not_found", "The item has no content.")
        if unlucky or not given.get("target", {}).get("resource_pool_id"):
            return failed(unlucky or "A resource pool is needed.")
        made = self._making.make(str(spec.get("name", item.name)), item.kept or Shape(state=None))
        if made is None:
            return failed("The name already exists.")
        self._fill(made, item)
        return {"succeeded": True, "resource_id": {"type": VM, "id": made}}

    def _fill(self, moid: str, item: Item) -> None:
        if (item.folder / "guest/c").is_dir():
            self._guests.take(item.folder / "guest", moid)


def failed(message: str) -> dict[str, Any]:
    """HTTP says 200, and this says that it did not work."""
    error = {"messages": [{"id": "com.vmware.ovfs.ovfs-main.ovfs.error", "default_message": message, "args": []}]}
    return {"succeeded": False, "error": {"errors": [{"category": "SERVER", "error": error}], "warnings": [],
            "information": []}}  # fmt: skip
