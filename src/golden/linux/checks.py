"""Whether a Linux can be sealed, from its powered-off disk, and what of one machine is left when it is."""

from __future__ import annotations

import re

from golden.disk.source import BlockSource
from golden.guest.running import Seen
from golden.linux.facts import read_facts, root_volume, unread
from golden.model import Checked, Finding, GuestState, Severity

UNREADABLE, UNCLEAN, STATE = "disk.unreadable", "disk.unclean", "linux.state"


_NOTHING_MAKES_IT = "delete it in the reference where something makes it again at a boot, or at each deployment"
_LEFT = (
    ("/etc/iscsi/initiatorname.iscsi", re.compile(r"^\s*InitiatorName\s*=\s*\S", re.MULTILINE), "iSCSI initiator name"),
    ("/etc/nvme/hostid", re.compile(r"\S"), "NVMe host id"),
    ("/etc/nvme/hostnqn", re.compile(r"\S"), "NVMe host name"),
    ("/etc/sysconfig/rhn/systemid", re.compile(r"\S"), "registration with a Spacewalk or Satellite"),
    ("/etc/pki/consumer/key.pem", re.compile(r"\S"), "registration with Red Hat's subscriptions"),
    ("/etc/krb5.keytab", re.compile(r"\S"), "Kerberos host key"),
    ("/etc/lvm/devices/system.devices", re.compile(r"\S"), "list of the disks that LVM looks at"),
)
"""(path, what is in it where it is one machine's own, what that is). docs/facts: linux 1."""


def residue(disk: Seen) -> tuple[Finding, ...]:
    """What would be the same in every machine made of this sealed disk, a warning each."""
    volume, _ = root_volume(disk)
    found: list[Finding] = []
    if volume is None:
        return ()
    for path, own, what in _LEFT:
        if own.search(volume.text(path) or ""):
            sentence = f"every machine made of this image has the same {what}"
            found.append(Finding("residue-identity", Severity.WARNING, sentence, path, _NOTHING_MAKES_IT))
    return tuple(found)


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
