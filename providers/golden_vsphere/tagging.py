"""Tags on what golden publishes: reference and image in the category ``golden``, current or retired beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from golden_vsphere.faults import LostAnswer
from golden_vsphere.rest import Call, Problem, Rest, absent_is_none, insisted

NAMES, STATE = "golden", "golden-state"
"""Categories. The state's own holds two tags, so that asking for it stays quick where many images have tags."""
CURRENT, RETIRED = STATES = ("current", "retired")
_ABOUT = {
    NAMES: "Which reference and image of golden's this is; golden keeps it",
    STATE: "Whether golden has published something newer; golden keeps it",
}
TEMPLATE, ITEM = "VirtualMachine", "com.vmware.content.library.Item"
_KINDS = (TEMPLATE, ITEM)


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a tag is on: its kind as vCenter names it, and its id."""

    kind: str
    id: str

    def told(self) -> dict[str, str]:
        """As the interface takes it."""
        return {"type": self.kind, "id": self.id}


class Tags:
    """The tags of one vCenter. Raises ``rest.Problem`` and LostAnswer."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._categories: dict[str, str] = {}
        self._known: dict[tuple[str, str], str] = {}

    def put(self, thing: Tagged, category: str, names: Iterable[str]) -> None:
        """On the thing, made where they are not there; on it already is success."""
        for name in names:
            tag = self._made(category, name)
            insisted(lambda tag=tag: self._associate(tag, "attach", thing))  # type: ignore[misc]

    def take(self, thing: Tagged, category: str, name: str) -> None:
        """Off the thing; not on it is success."""
        if (tag := self._found(category, name)) is not None:
            insisted(lambda: absent_is_none(lambda: self._associate(tag, "detach", thing)))

    def on(self, category: str, name: str) -> set[str]:
        """Ids of everything that has a tag."""
        tag = self._found(category, name)
        return set() if tag is None else {str(one["id"]) for one in self._objects(tag)}

    def strip(self, thing: Tagged, names: Iterable[str]) -> None:
        """Everything of golden's off a thing that is about to go; tags that nothing has then go too, where it may."""
        for state in STATES:
            self.take(thing, STATE, state)
        for name in names:
            self.take(thing, NAMES, name)
            tag = self._found(NAMES, name)
            if tag is not None and not self._objects(tag) and self._deleted(tag):
                self._known.pop((NAMES, name), None)

    def _deleted(self, tag: str) -> bool:
        """A tag that nothing has does no harm, so golden's account need not be allowed to delete it."""
        gone = Call("DELETE", "cis/tagging/tag/{}", (tag,))
        try:
            insisted(lambda: absent_is_none(lambda: self._rest.tell(gone)))
        except Problem as problem:
            if problem.kind != "unauthorized":
                raise
            return False
        return True

    def _associate(self, tag: str, action: str, thing: Tagged) -> None:
        self._rest.tell(Call("POST", "cis/tagging/tag-association/{}", (tag,), action, {"object_id": thing.told()}))

    def _objects(self, tag: str) -> list[dict[str, Any]]:
        call = Call("POST", "cis/tagging/tag-association/{}", (tag,), "list-attached-objects", {})
        return absent_is_none(lambda: self._rest.several(call)) or []

    def _found(self, category: str, name: str) -> str | None:
        if (category, name) not in self._known and (above := self._category(category)) is not None:
            for tag in self._rest.several(Call("POST", "cis/tagging/tag/{}", (above,), "list-tags-for-category", {})):
                told = absent_is_none(lambda tag=tag: self._rest.ask(Call("GET", "cis/tagging/tag/{}", (tag,))))  # type: ignore[misc]
                if told is not None:
                    self._known[category, str(told["name"])] = str(tag)
        return self._known.get((category, name))

    def _made(self, category: str, name: str) -> str:
        if (found := self._found(category, name)) is not None:
            return found
        spec = {"name": name, "description": "Made by golden", "category_id": self._made_category(category)}
        tag = self._there("cis/tagging/tag", spec, lambda: self._found(category, name))
        self._known[category, name] = tag
        return tag

    def _there(self, resource: str, spec: dict[str, Any], look: Callable[[], str | None]) -> str:
        """Made, or there already, by us before an answer was lost or by another golden. Names are unique there."""
        for again in (True, False):
            try:
                return str(self._rest.tell(Call("POST", resource, body=spec, wrapped="create_spec")))
            except (LostAnswer, Problem) as error:
                if (found := look()) is not None:
                    return found
                if not again or isinstance(error, Problem):
                    raise
        raise AssertionError

    def _category(self, name: str) -> str | None:
        if name not in self._categories:
            for category in self._rest.several(Call("GET", "cis/tagging/category")):
                told = self._rest.ask(Call("GET", "cis/tagging/category/{}", (str(category),)))
                self._categories[str(told["name"])] = str(category)
        return self._categories.get(name)

    def _made_category(self, name: str) -> str:
        if (found := self._category(name)) is not None:
            return found
        spec = {
            "name": name,
            "description": _ABOUT[name],
            "cardinality": "MULTIPLE",
            "associable_types": list(_KINDS),
        }
        self._categories[name] = self._there("cis/tagging/category", spec, lambda: self._category(name))
        return self._categories[name]
