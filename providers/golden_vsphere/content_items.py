"""Content libraries and their items over REST: one function a request. Raises ``rest.Problem`` and LostAnswer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pyVmomi import vim

from golden.errors import BadConfig, EndpointError, NotAble, NotFound
from golden.library import Follower
from golden.waiting import Deadline, Silent
from golden_vsphere.faults import LostAnswer
from golden_vsphere.observing import come_to_rest
from golden_vsphere.rest import COPYING, Call, Rest, absent_is_none, insisted

OVF, TEMPLATE = "ovf", "vm-template"
"""Types of items as vCenter names them."""
ITEM = "content/library/item/{}"
TEMPLATES = "vcenter/vm-template/library-items"
ABOUT = 2000
"""Characters of a description."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item as it is now."""

    id: str
    name: str
    kind: str
    description: str
    version: str
    """Of its content; counts up with each new one."""

    @classmethod
    def of(cls, told: dict[str, Any]) -> Item:
        """As vCenter tells of it."""
        return cls(
            str(told["id"]),
            str(told.get("name", "")),
            str(told.get("type", "")).lower(),
            str(told.get("description") or ""),
            str(told.get("content_version") or ""),
        )


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscribed library of this vCenter's, whatever it follows."""

    name: str
    source: str
    """Name of the library of this vCenter that it follows, else its URL."""
    synced: str
    """When it last asked, ISO 8601; empty for never."""
    on_demand: bool


def followers(rest: Rest) -> list[Subscriber]:
    """Every subscribed library of this vCenter's, by its name; a request for each library."""
    ids = rest.several(Call("GET", "content/library"))
    told = [
        dict(absent_is_none(lambda one=one: rest.ask(Call("GET", "content/library/{}", (str(one),)))) or {})  # type: ignore[misc]
        for one in ids
    ]
    here = {str((one.get("publish_info") or {}).get("publish_url", "")): str(one.get("name")) for one in told}
    found = []
    for one in told:
        if (info := one.get("subscription_info")) is not None:
            url = str(info.get("subscription_url", ""))
            synced, on_demand = str(one.get("last_sync_time") or ""), bool(info.get("on_demand"))
            found.append(Subscriber(str(one.get("name")), here.get(url, url), synced, on_demand))
    return sorted(found, key=lambda one: one.name)


class Items:
    """The items of one local content library."""

    def __init__(self, rest: Rest, name: str) -> None:
        """NotFound lists what there is, NotAble for a subscribed library, BadConfig for a name that several have."""
        self._rest = rest
        found = [self._library(one) for one in self._named(name)]
        if not found:
            there = [str(self._library(one).get("name")) for one in rest.several(Call("GET", "content/library"))]
            raise NotFound(
                f"there is no content library {name!r}", details=f"there are: {', '.join(sorted(there)) or 'none'}"
            )
        if len(found) > 1:
            ids = ", ".join(str(one["id"]) for one in found)
            raise BadConfig(
                f"{len(found)} content libraries are called {name!r}", details=ids, hint="rename one in vSphere"
            )
        if str(found[0].get("type")) != "LOCAL":
            raise NotAble(
                f"the content library {name!r} is a subscribed one, and vCenter lets nobody write into those",
                details=str((found[0].get("subscription_info") or {}).get("subscription_url", "")),
                hint="publish into the local library that it follows",
            )
        self.id, self.name = str(found[0]["id"]), str(found[0]["name"])
        self._publish_url = str((found[0].get("publish_info") or {}).get("publish_url", ""))

    def _named(self, name: str) -> list[str]:
        """Names are compared as they are written: vCenter's own search takes no notice of case."""
        call = Call("POST", "content/library", action="find", body={"name": name}, wrapped="spec")
        return [str(one) for one in self._rest.several(call) if self._library(str(one)).get("name") == name]

    def _library(self, moid: str) -> dict[str, Any]:
        return dict(self._rest.ask(Call("GET", "content/library/{}", (moid,))))

    def all(self, kind: str) -> list[Item]:
        """Every item of a kind. A request for each: vCenter has none for several."""
        body = {"library_id": self.id, "type": kind}
        call = Call("POST", "content/library/item", action="find", body=body, wrapped="spec")
        return [item for item in self._read(self._rest.several(call)) if item.kind == kind]

    def named(self, name: str) -> Item | None:
        """One by its name."""
        body = {"library_id": self.id, "name": name}
        call = Call("POST", "content/library/item", action="find", body=body, wrapped="spec")
        return next((item for item in self._read(self._rest.several(call)) if item.name == name), None)

    def get(self, moid: str) -> Item | None:
        """One by its id; None where it is gone."""
        told = absent_is_none(lambda: self._rest.ask(Call("GET", ITEM, (moid,))))
        return None if told is None else Item.of(told)

    def _read(self, moids: Iterable[Any]) -> list[Item]:
        found = (self.get(str(moid)) for moid in moids)
        return [item for item in found if item is not None]

    def files(self, item: Item) -> list[dict[str, Any]]:
        """What an OVF item consists of: name, size, checksum_info."""
        if self._rest.old:
            call = Call("GET", "content/library/item/file", query={"library_item_id": item.id})
        else:
            call = Call("GET", f"{ITEM}/file", (item.id,))
        return self._rest.several(call)

    def describe(self, item: str, text: str) -> None:
        """Replace a description. Asking twice is harmless."""
        call = Call("PATCH", ITEM, (item,), body={"description": text[:ABOUT]}, wrapped="update_spec")
        insisted(lambda: self._rest.tell(call))

    def delete(self, item: str) -> None:
        """Absent is success. Of a template item vCenter takes the template too."""
        insisted(lambda: absent_is_none(lambda: self._rest.tell(Call("DELETE", ITEM, (item,)))))

    def capture(self, machine: str, target: dict[str, str], about: dict[str, str], token: str) -> str:
        """
        A machine or template as an OVF item: a new one (``target``: library_id), or new content of one that is there
        (library_item_id; its name and description stay). The item's id.

        The same token again is the same item, so a lost answer is asked again once, after the machine has come to
        rest. EndpointError where vCenter answers 200 and ``succeeded: false`` inside.
        """
        body = {"source": {"type": "VirtualMachine", "id": machine}, "target": target, "create_spec": about}
        call = Call("POST", "vcenter/ovf/library-item", body=body, token=token, patience=COPYING)
        try:
            told = dict(self._rest.tell(call))
        except LostAnswer:
            self.rest(machine)
            told = dict(self._rest.tell(call))
        if not told.get("succeeded"):
            raise EndpointError(
                f"vCenter did not write the OVF item {about.get('name', '')}", details=reasons(told.get("error"))
            )
        return str(told["ovf_library_item_id"])

    def rest(self, machine: str) -> bool:
        """Wait until no task works on a machine, as one may after a lost answer; whether one did."""
        line = self._rest.line
        native = line.object(vim.VirtualMachine, machine)
        return come_to_rest(line, native, "the copies of the image to end", Deadline(COPYING), Silent())

    def make_template(self, spec: dict[str, Any]) -> str:
        """A machine or template as a template item; this request has no token, so whoever loses the answer looks."""
        call = Call("POST", TEMPLATES, body={**spec, "library": self.id}, wrapped="spec", patience=COPYING)
        return str(self._rest.tell(call))

    def template(self, item: str) -> str:
        """The moid of the newest template that an item holds."""
        return str(self._rest.ask(Call("GET", f"{TEMPLATES}/{{}}", (item,)))["vm_template"])

    def checked_out(self, item: Item) -> list[str]:
        """moids of machines that people have checked out of a template item (vSphere 7.0 and later)."""
        return [str(one["vm"]) for one in self._rest.several(Call("GET", f"{TEMPLATES}/{{}}/check-outs", (item.id,)))]

    def subscribed(self, item: Item) -> list[Follower]:
        """
        Every subscribed library of this vCenter's that follows this one, and how far it is with an item; those of
        other vCenters are not seen from here.
        """
        found = []
        for moid in self._rest.several(Call("GET", "content/subscribed-library")):
            told = absent_is_none(lambda moid=moid: self._library(str(moid)))  # type: ignore[misc]
            info = (told or {}).get("subscription_info") or {}
            if told is None or not self._publish_url or info.get("subscription_url") != self._publish_url:
                continue
            body = {"library_id": str(moid), "source_id": item.id}
            call = Call("POST", "content/library/item", action="find", body=body, wrapped="spec")
            theirs = [self._rest.ask(Call("GET", ITEM, (str(one),))) for one in self._rest.several(call)]
            state = next((_state(item, one) for one in theirs if one.get("source_id") == item.id), "absent")
            synced, on_demand = str(told.get("last_sync_time") or ""), bool(info.get("on_demand"))
            found.append(Follower(str(told["name"]), synced, on_demand, state))
        return found


def _state(item: Item, theirs: dict[str, Any]) -> str:
    return "synced" if str(theirs.get("content_version")) == item.version else "behind"


def reasons(error: Any) -> str:
    """What vCenter says inside an answer that did not succeed."""
    if not isinstance(error, dict):
        return "it says no more"
    told = []
    for one in error.get("errors") or ():
        inner = one.get("error") or {}
        told += [str(message.get("default_message", "")) for message in inner.get("messages") or ()]
        told += [str(issue.get("message", issue)) for issue in one.get("issues") or ()]
    return "; ".join(filter(None, told)) or "it says no more"


def fingerprint(item: Item, files: Iterable[dict[str, Any]]) -> str:
    """A hash over an item's content as vCenter tells of it: version, and names, sizes and checksums of its files."""
    lines = sorted(
        f"{one['name']} {one.get('size')} {(one.get('checksum_info') or {}).get('checksum', '')}" for one in files
    )
    return sha256("\n".join((item.version, *lines)).encode()).hexdigest()
