"""
Checking a template item out as a machine and in again as a new version of the item (vSphere 7.0 and later).

vCenter keeps one version before the newest, and lets one machine at a time be checked out of an item (facts 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from golden_vsphere.content_items import TEMPLATES
from golden_vsphere.faults import LostAnswer
from golden_vsphere.rest import COPYING, Call, Rest, absent_is_none, insisted

OUT = f"{TEMPLATES}/{{}}/check-outs"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a template item."""

    number: str
    template: str
    """moid of its template."""


class CheckOuts:
    """Of one template item. Raises ``rest.Problem`` and LostAnswer."""

    def __init__(self, rest: Rest, item: str) -> None:
        self._rest = rest
        self._item = item

    def there(self) -> list[str]:
        """moids of machines that are checked out."""
        return [str(one["vm"]) for one in self._rest.several(Call("GET", OUT, (self._item,)))]

    def versions(self) -> list[Version]:
        """Newest first."""
        told = self._rest.several(Call("GET", f"{TEMPLATES}/{{}}/versions", (self._item,)))
        return [Version(str(one["version"]), str(one["vm_template"])) for one in told]

    def check_out(self, name: str, placement: dict[str, str]) -> str:
        """A machine of the newest version, off; its moid. Looked for where the answer was lost."""
        spec: dict[str, Any] = {"name": name, "placement": placement, "powered_on": False}
        before = set(self.there())
        call = Call("POST", OUT, (self._item,), "check-out", spec, "spec", patience=COPYING)
        try:
            return str(self._rest.tell(call))
        except LostAnswer:
            fresh = set(self.there()) - before
            if not fresh:
                raise
            return fresh.pop()

    def check_in(self, machine: str, message: str) -> str:
        """The machine becomes the newest version, and is a machine no more; the version's number."""
        before = self.versions()[0].number
        call = Call(
            "POST", f"{OUT}/{{}}", (self._item, machine), "check-in", {"message": message}, "spec", patience=COPYING
        )
        try:
            return str(self._rest.tell(call))
        except LostAnswer:
            now = self.versions()[0].number
            if now == before:
                raise
            return now

    def discard(self, machine: str) -> None:
        """Take a checked-out machine away; absent is success."""
        gone = Call("DELETE", f"{OUT}/{{}}", (self._item, machine))
        insisted(lambda: absent_is_none(lambda: self._rest.tell(gone)))
