"""Where golden's things lie on a host, and which names it takes for them."""

from __future__ import annotations

import ntpath
import re

from golden.errors import BadName
from golden_hyperv.marking import IMAGE, MACHINE

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
LONGEST = 100
"""Virtual machines' names end at 100 characters."""
PARTIAL = ".partial.vhdx"
FINAL = ".vhdx"
PATTERN = "[]*?`"
"""What cmdlets take for a pattern in a name or a path."""


def checked(name: str) -> str:
    """The name; BadName for what core never gives."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise BadName(f"{name!r} is no name golden gives to a machine or image")
    return name


def plain(name: str, what: str) -> str:
    """A user's name; BadName where the host would take it for a pattern."""
    met = next((one for one in name if one in PATTERN or ord(one) < 32), None)
    if met is not None or not name:
        words = f"it has {met!r}, which Hyper-V's commands take for a pattern" if met else "it is empty"
        raise BadName(f"golden does not look for {what} {name!r}: {words}", hint="rename it in the Hyper-V Manager")
    return name


class Places:
    """Paths below golden's folder on one host."""

    def __init__(self, folder: str) -> None:
        """``folder`` is the host's own path."""
        self.folder = folder

    @property
    def machines(self) -> str:
        """Machines and versions: a folder each, and a record beside it."""
        return ntpath.join(self.folder, "machines")

    @property
    def images(self) -> str:
        """Images: a file each, and a record beside it."""
        return ntpath.join(self.folder, "images")

    def machine(self, name: str) -> str:
        """A machine's own folder, as New-VM makes it below ``machines``."""
        return ntpath.join(self.machines, checked(name))

    def disk(self, name: str, number: int) -> str:
        """A working disk of a machine; the name ends otherwise once it is frozen."""
        return ntpath.join(self.machine(name), f"{name}-{number}{PARTIAL}")

    def image(self, name: str) -> str:
        """An image's file while it is made."""
        return ntpath.join(self.images, f"{checked(name)}{PARTIAL}")

    def record(self, kind: str, name: str) -> str:
        """The file that says what it is."""
        return ntpath.join(self.images if kind == IMAGE else self.machines, f"{checked(name)}.golden.json")

    def own(self, kind: str, name: str) -> tuple[str, ...]:
        """Everything of a thing but its record."""
        if kind == MACHINE:
            return (self.machine(name),)
        return (self.image(name), final(self.image(name)))


def final(path: str) -> str:
    """What a working disk is called once nobody may write to it any more."""
    return path.removesuffix(PARTIAL) + FINAL if path.endswith(PARTIAL) else path
