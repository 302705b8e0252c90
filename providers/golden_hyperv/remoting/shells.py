"""
Names of golden's shells on a host, and taking away those whose process is dead.

A connected shell cannot be taken over, and after a hard end of its client it stays until its idle time is over; a user
has 25 or 30 of them (MS-WSMV). A name says which machine, which run, which process: a shell is swept only where that
process is on this machine and evidently no more.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import uuid
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pypsrp.exceptions import WSManFaultError
from pypsrp.wsman import NAMESPACES, SelectorSet

_SHELLS = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
_NAME = re.compile(r"golden/(?P<node>[^/]+)/[^/]*@(?P<pid>\d+)\.(?P<start>[0-9.]+)")
_lost: set[str] = set()


def name(run: str) -> str:
    """``golden/<host>/<run>@<process>.<its start>``."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", run)[:60] or "session"
    return f"golden/{node()}/{plain}@{os.getpid()}.{started(os.getpid())}"


def node() -> str:
    """This machine, and where there are several of one name (containers), this one of them."""
    own = _read("/etc/machine-id")
    try:
        own += str(Path("/proc/self/ns/pid").readlink())  # Numbers of processes mean nothing in another one.
    except OSError:
        own += str(uuid.getnode())
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:40]
    return f"{host}-{hashlib.sha256(own.encode()).hexdigest()[:8]}"


def started(pid: int) -> str | None:
    """When a process was started, in the system's own count; empty when it is dead, None where nobody may know."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()
        except PermissionError:
            return None
        except (OSError, IndexError):
            return ""
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    import psutil  # Slow to import.

    try:
        return f"{psutil.Process(pid).create_time():.1f}"
    except psutil.NoSuchProcess:
        return ""
    except psutil.AccessDenied:
        return None


def is_stale(shell_name: str, shell_id: str) -> bool:
    """Whether it is golden's, of this machine, and of a process that is no more or has given it up."""
    met = _NAME.fullmatch(shell_name)
    if met is None or met["node"] != node():
        return False
    pid, start = int(met["pid"]), met["start"]
    now = started(pid)
    if now is None:
        return False
    if now != start:
        return True
    return pid == os.getpid() and shell_id.upper() in _lost


def give_up(shell_id: object) -> None:
    """A shell of this process whose session is lost: the next sweep may take it."""
    _lost.add(str(shell_id).upper())


def sweep(line: Any) -> int:
    """Delete stale shells; how many. Where the account may not list shells there is nothing to sweep."""
    wanted = ElementTree.Element(f"{{{NAMESPACES['wsen']}}}Enumerate")
    ElementTree.SubElement(wanted, f"{{{NAMESPACES['wsman']}}}OptimizeEnumeration")
    ElementTree.SubElement(wanted, f"{{{NAMESPACES['wsman']}}}MaxElements").text = "32000"
    try:
        answer = line.enumerate(_SHELLS, wanted)
    except WSManFaultError:
        return 0
    swept = 0
    for shell in answer.iterfind("wsen:EnumerateResponse/wsman:Items/rsp:Shell", NAMESPACES):
        shell_id = shell.findtext("rsp:ShellId", "", NAMESPACES)
        if shell_id and is_stale(shell.findtext("rsp:Name", "", NAMESPACES), shell_id):
            swept += _delete(line, shell.findtext("rsp:ResourceUri", "", NAMESPACES) or _SHELLS, shell_id)
    return swept


def _delete(line: Any, resource: str, shell_id: str) -> int:
    selectors = SelectorSet()
    selectors.add_option("ShellId", shell_id)
    try:
        line.delete(resource, selector_set=selectors)
    except WSManFaultError:
        return 0  # Gone meanwhile, or not ours to delete.
    _lost.discard(shell_id.upper())
    return 1


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
