"""Content libraries: local and subscribed ones, their items and files, with versions; all of it our own."""

from __future__ import annotations

import datetime
import hashlib
import shutil
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.peers.vsphere.rest import Problem, Wanted


@dataclass
class Library:
    """One library. ``source`` is the library that a subscribed one follows."""

    id: str
    name: str
    kind: str
    description: str = ""
    source: str = ""
    on_demand: bool = False
    backings: list[Any] = field(default_factory=list)
    created: str = ""
    synced: str = ""
    version: int = 1


@dataclass
class Item:
    """One item. ``content`` counts its contents from 1 on (0: none yet), ``folder`` holds the files of the newest."""

    id: str
    library: str
    name: str
    kind: str
    description: str = ""
    content: int = 0
    metadata: int = 1
    folder: Path = Path()
    cached: bool = True
    source: str = ""
    created: str = ""
    changed: str = ""
    kept: Any = None
    """What deploying it needs: a ``seeding.Shape``, or the template's moid."""

    def files(self) -> list[dict[str, Any]]:
        """Its files as the API tells of them."""
        found = sorted(each for each in self.folder.iterdir() if each.is_file()) if self.content and self.cached else []
        return [
            {
                "name": each.name, "size": each.stat().st_size, "cached": True, "version": str(self.content),
                "checksum_info": {"algorithm": "SHA1", "checksum": hashlib.sha1(each.read_bytes()).hexdigest()},
            }
            for each in found
        ]  # fmt: skip


def now() -> str:
    """A time as the API writes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Libraries:
    """What ``content/…`` serves. Names of libraries need not be unique, those of items are, within a library."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.lock = threading.RLock()
        self.libraries: dict[str, Library] = {}
        self.items: dict[str, Item] = {}
        self._made: dict[str, str] = {}
        self.gone: Callable[[Item], None] = lambda item: None
        """Called when an item is deleted; a vmtx item takes its templates along."""

    def serve(self, wanted: Wanted) -> Any:
        """The value of one request; NotImplementedError where no such resource is served."""
        head, rest = wanted.path[1], wanted.path[2:]
        with self.lock:
            if head == "library" and rest[:1] == ("item",):
                return self._item_request(wanted, rest[1:])
            if head in ("library", "local-library", "subscribed-library"):
                return self._library_request(wanted, head, rest)
        raise NotImplementedError

    def once(self, token: str, make: Callable[[], str]) -> str:
        """Make a thing, unless the same client token has made it before; its id."""
        with self.lock:
            if token and token in self._made:
                return self._made[token]
            made = make()
            if token:
                self._made[token] = made
            return made

    def library(self, moid: str) -> Library:
        """A library by its id."""
        if moid not in self.libraries:
            raise Problem("not_found", f"The library {moid} was not found.")
        return self.libraries[moid]

    def item(self, moid: str) -> Item:
        """An item by its id."""
        if moid not in self.items:
            raise Problem("not_found", f"The library item {moid} was not found.")
        return self.items[moid]

    def add_item(self, library: str, name: str, kind: str, description: str = "") -> Item:
        """A new item without content; already_exists where the library has one of that name."""
        if self.library(library).kind != "LOCAL":
            raise Problem("invalid_element_type", "Items are only made in local libraries.")
        if not name:
            raise Problem("invalid_argument", "An item needs a name.")
        if any(each.library == library and each.name == name for each in self.items.values()):
            raise Problem("already_exists", f"The library already has an item named {name}.")
        made = Item(str(uuid.uuid4()), library, name, kind, description, created=now(), changed=now())
        self.items[made.id] = made
        return made

    def fill(self, item: Item, folder: Path) -> None:
        """New content from a folder of files; the one before is gone."""
        target = self.folder / item.id / str(item.content + 1)
        target.parent.mkdir(exist_ok=True)
        folder.rename(target)
        if item.content:
            shutil.rmtree(item.folder, ignore_errors=True)
        item.folder, item.content, item.changed = target, item.content + 1, now()
        self.library(item.library).version += 1

    def _library_request(self, wanted: Wanted, head: str, rest: tuple[str, ...]) -> Any:
        kind = {"local-library": "LOCAL", "subscribed-library": "SUBSCRIBED"}.get(head)
        if not rest:
            if wanted.verb == "GET":
                return [each.id for each in self.libraries.values() if kind in (None, each.kind)]
            if wanted.action == "find":
                spec = wanted.spec()
                asked = {"name": spec.get("name"), "kind": spec.get("type")}
                return [e.id for e in self.libraries.values() if _fits(e, asked)]
            if wanted.verb == "POST" and kind is not None:
                return self.once(wanted.token, lambda: self._new_library(wanted.spec(), kind))
            raise NotImplementedError
        found = self.library(rest[0])
        if kind not in (None, found.kind):
            raise Problem("invalid_element_type", f"The library {found.id} is not {kind}.")
        if wanted.verb == "GET":
            return _library(found)
        if wanted.verb == "DELETE":
            for item in [each for each in self.items.values() if each.library == found.id]:
                self._remove(item)
            del self.libraries[found.id]
            return None
        if wanted.action == "sync" and found.kind == "SUBSCRIBED":
            self.sync(found)
            return None
        raise NotImplementedError

    def _new_library(self, spec: dict[str, Any], kind: str) -> str:
        if not spec.get("name") or not spec.get("storage_backings"):
            raise Problem("invalid_argument", "A library needs a name and a storage backing.")
        info = spec.get("subscription_info", {})
        source = str(info.get("subscription_url", "")).rstrip("/").removesuffix("/lib.json").rpartition("/")[2]
        if kind == "SUBSCRIBED":
            self.library(source)
        made = Library(
            str(uuid.uuid4()), spec["name"], kind, spec.get("description", ""), source, bool(info.get("on_demand")),
            spec["storage_backings"], created=now(),
        )  # fmt: skip
        self.libraries[made.id] = made
        return made.id

    def sync(self, library: Library) -> None:
        """A subscribed library takes over what its source has now; on demand it has the names and not the files."""
        wanted = {each.id: each for each in self.items.values() if each.library == library.source}
        had = {each.source: each for each in self.items.values() if each.library == library.id}
        for source, item in had.items():
            if source not in wanted:
                self._remove(item)
        for source, item in wanted.items():
            mine = had.get(source) or Item(str(uuid.uuid4()), library.id, item.name, item.kind, created=now())
            fresh = mine.content != item.content
            mine.name, mine.description, mine.content, mine.metadata = (
                item.name, item.description, item.content, item.metadata,
            )  # fmt: skip
            mine.source, mine.kept = source, item.kept
            if fresh:
                mine.changed = now()
                mine.folder, mine.cached = item.folder, not library.on_demand
            self.items[mine.id] = mine
        library.synced = now()

    def _item_request(self, wanted: Wanted, rest: tuple[str, ...]) -> Any:
        if not rest and wanted.verb == "GET":
            library = self.library(wanted.query.get("library_id", ""))
            return [each.id for each in self.items.values() if each.library == library.id]
        if not rest and wanted.action == "find":
            spec = wanted.spec()
            asked = {"name": spec.get("name"), "library": spec.get("library_id"), "kind": spec.get("type"),
                     "source": spec.get("source_id")}  # fmt: skip
            return [each.id for each in self.items.values() if _fits(each, asked)]
        if not rest and wanted.verb == "POST":
            spec = wanted.spec()
            names = [str(spec.get(key, "")) for key in ("library_id", "name", "type", "description")]
            return self.once(wanted.token, lambda: self.add_item(names[0], names[1], names[2], names[3]).id)
        if rest[0] == "file":
            return self.item(wanted.query.get("library_item_id", "")).files()
        found = self.item(rest[0])
        if rest[1:] == ("file",):
            return found.files()
        if wanted.verb == "GET":
            return _item(found)
        if wanted.verb == "PATCH" or wanted.action == "update":
            return self._update(found, wanted.spec())
        if wanted.verb == "DELETE":
            return self._remove(found)
        raise NotImplementedError

    def _update(self, item: Item, spec: dict[str, Any]) -> None:
        name = spec.get("name", item.name)
        if any(e.library == item.library and e.name == name and e is not item for e in self.items.values()):
            raise Problem("already_exists", f"The library already has an item named {name}.")
        item.name, item.description = name, spec.get("description", item.description)
        item.metadata, item.changed = item.metadata + 1, now()

    def _remove(self, item: Item) -> None:
        self.gone(item)
        del self.items[item.id]
        if not item.source:
            shutil.rmtree(self.folder / item.id, ignore_errors=True)


def _fits(thing: Any, asked: dict[str, Any]) -> bool:
    """Names are compared whatever their case, as the reference says of find."""
    return all(not text or getattr(thing, name).lower() == str(text).lower() for name, text in asked.items())


def _library(each: Library) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": each.id, "name": each.name, "type": each.kind, "description": each.description,
        "creation_time": each.created, "last_modified_time": each.synced or each.created,
        "storage_backings": each.backings, "version": str(each.version), "server_guid": "6f1c1c9e-peer",
    }  # fmt: skip
    if each.kind == "LOCAL":
        url = f"https://peer/cls/vcsp/lib/{each.id}/lib.json"
        told["publish_info"] = {"published": True, "authentication_method": "NONE", "publish_url": url}
        return told
    told["subscription_info"] = {
        "automatic_sync_enabled": False, "on_demand": each.on_demand, "authentication_method": "NONE",
        "subscription_url": f"https://peer/cls/vcsp/lib/{each.source}/lib.json",
    }  # fmt: skip
    return {**told, "last_sync_time": each.synced} if each.synced else told


def _item(each: Item) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": each.id, "library_id": each.library, "name": each.name, "type": each.kind,
        "description": each.description, "creation_time": each.created, "last_modified_time": each.changed,
        "content_version": str(each.content), "metadata_version": str(each.metadata),
        "version": str(each.content + each.metadata), "cached": each.cached,
        "size": sum(file["size"] for file in each.files()),
    }  # fmt: skip
    return {**told, "source_id": each.source, "last_sync_time": each.changed} if each.source else told
