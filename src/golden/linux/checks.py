"""Whether a Linux can be sealed, from its powered-off disk."""

from __future__ import annotations

from golden.disk.source import BlockSource
from golden.linux.facts import read_facts, unread
from golden.model import Checked, Finding, GuestState, Severity

UNREADABLE, UNCLEAN, STATE = "disk.unreadable", "disk.unclean", "linux.state"


def inspect(disk: BlockSource, seal: str) -> Checked:
    """The file system is clean, and the guest was not sealed before (the seal ``none`` asks for no more)."""
    facts = read_facts(disk)
    told = dict(facts.evidence)
    listed = "\n".join(f"{name}: {value}" for name, value in facts.evidence)
    if not facts.os:
        sentence = "there is no Linux on this disk that golden can read, so nothing can be said of it"
        if apart := unread(facts.evidence):
            sentence = f"golden reads ext2, ext3 and ext4 from outside, and on this disk there is {apart}"
        unmade = tuple((name, "there is no Linux on the disk that can be read") for name in (UNCLEAN, STATE))
        return Checked((Finding(UNREADABLE, Severity.ERROR, sentence, listed),), (UNREADABLE,), unmade)
    found = []
    if told.get("journal", "clean") != "clean":
        sentence = f"the root file system was not shut down in order: {told['journal']}"
        found.append(Finding(UNCLEAN, Severity.ERROR, sentence, listed, "start the guest and shut it down in order"))
    elif facts.state is not GuestState.VIRGIN:
        sentence = f"this Linux is {facts.state.value}; only a VIRGIN one is sealed"
        fix = "go back to a state before it was sealed" if seal != "none" else ""
        found.append(Finding(STATE, Severity.ERROR, sentence, listed, fix))
    return Checked(tuple(found), (UNREADABLE, UNCLEAN, STATE))
