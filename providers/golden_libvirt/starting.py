"""Starting a machine of the store in a root of the embedded driver."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from golden.errors import EndpointError
from golden.waiting import Deadline, Waiting
from golden_libvirt import definition, kvm
from golden_libvirt.agent import STOPPED_HINT
from golden_libvirt.connection import Line
from golden_libvirt.embedded import Root
from golden_libvirt.faults import is_libvirt, translated
from golden_libvirt.record import Record
from golden_libvirt.store import Store


def started(store: Store, entry: Record, root: Root, state: Path) -> Record:
    """The root is written into the machine's record before it is started, so that anybody can find it."""
    domain = definition.parse(store.read_definition(entry.name), "the machine's definition")
    if domain.get("type") == "kvm" and (why := kvm.verdict(state)):
        raise EndpointError(f"{entry.name} is defined for KVM, which does not work here: {why}", hint=STOPPED_HINT)
    line = root.line(state)
    entry = store.save(entry.but(root=str(root.path)))
    folder = root.view(store.path) / entry.name
    _link_tpm(store, root, entry, domain)
    text = definition.complete(domain, str(folder), str(root.path / "a" / entry.uuid[:8]))
    with translated(f"starting {entry.name}"):
        _create(line, entry.name, text)
    root.keep_cache(state)
    return entry


def _create(line: Line, name: str, text: str) -> None:
    """
    A machine that has just switched itself off stays libvirt's for a moment: first it is found, and then it is
    "already being removed", which no look shows.
    """

    def is_made() -> bool:
        try:
            line.native.lookupByName(name)
        except Exception as error:
            if not is_libvirt(error):
                raise
        else:
            return False
        try:
            line.native.createXML(text, 0)
        except Exception as error:
            if not is_libvirt(error) or "already being removed" not in str(error):
                raise
            return False
        return True

    Waiting(Deadline(10), tick=0.02).until(f"libvirt to let go of {name}", is_made)


def _link_tpm(store: Store, root: Root, entry: Record, domain: ET.Element) -> None:
    """libvirt keeps TPM state below its root by UUID; a link puts it into the machine's folder."""
    if not definition.has_tpm(domain):
        return
    (store.folder(entry.name) / "tpm").mkdir(mode=0o700, exist_ok=True)
    link = root.path / "lib/swtpm" / entry.uuid
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(root.view(store.path) / entry.name / "tpm")
