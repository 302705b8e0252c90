"""The one place where libvirt's, QEMU's and the operating system's errors become golden's."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from golden.errors import Conflict, EndpointError, GoldenError, NotFound, Refused, StateUnusable, Unreachable

# Numbers of virErrorNumber (libvirt's virterror.h); they are part of its stable interface, so that this module
# needs no import of libvirt.
NO_CONNECT, OPERATION_FAILED, NO_DOMAIN, AUTH_FAILED = 5, 9, 42, 45
SYSTEM_ERROR, RPC, SSH, LIBSSH, AUTH_CANCELLED, AUTH_UNAVAILABLE, ACCESS_DENIED = 38, 39, 85, 98, 79, 94, 88
NO_STORAGE_POOL, NO_STORAGE_VOL, STORAGE_VOL_EXIST, DOM_EXIST, NO_NETWORK = 49, 50, 90, 28, 43
OPERATION_TIMEOUT, OPERATION_INVALID, AGENT_UNRESPONSIVE, NO_SUPPORT = 68, 55, 86, 3
NO_DOMAIN_METADATA = 80
INTERNAL_ERROR, AGENT_UNSYNCED, AGENT_COMMAND_TIMEOUT, AGENT_COMMAND_FAILED = 1, 97, 112, 113

_ABSENT = (NO_DOMAIN, NO_STORAGE_POOL, NO_STORAGE_VOL, NO_NETWORK)
_THERE = (STORAGE_VOL_EXIST, DOM_EXIST)
_RIGHTS = (AUTH_FAILED, AUTH_CANCELLED, AUTH_UNAVAILABLE, ACCESS_DENIED)
_AWAY = (NO_CONNECT, RPC, SYSTEM_ERROR, SSH, LIBSSH)
_FROM_RPC = 7
"""Of virErrorDomain: the connection itself."""


def code_of(error: BaseException) -> int:
    """The number of a libvirtError; 0 for anything else."""
    ask = getattr(error, "get_error_code", None)
    return int(ask() or 0) if ask else 0


def is_libvirt(error: BaseException) -> bool:
    """Whether this is libvirt's own exception, without importing it."""
    return type(error).__module__ == "libvirt" and type(error).__name__ == "libvirtError"


def is_lost(error: BaseException) -> bool:
    """Whether it is the connection that broke: closed, or silent for too long; an internal error to libvirt."""
    return code_of(error) == INTERNAL_ERROR and error.get_error_domain() == _FROM_RPC  # type: ignore[attr-defined]


@contextmanager
def translated(wanted: str) -> Iterator[None]:
    """Turn foreign errors inside the block into golden's; ``wanted`` completes "… did not work", e.g. "starting x"."""
    try:
        yield
    except GoldenError:
        raise
    except OSError as error:
        raise of_system(wanted, error) from error
    except Exception as error:
        if not is_libvirt(error):
            raise
        raise of_libvirt(wanted, error) from error


def of_libvirt(wanted: str, error: BaseException) -> GoldenError:
    """The golden error for one of libvirt's."""
    code, words = code_of(error), str(error)
    if "Failed to parse user" in words:
        # As root, libvirt wants the account its package makes, even where its configuration names another one.
        hint = "install Debian's libvirt-daemon-system (libvirt-daemon-driver-qemu elsewhere), or run golden as a user"
        return EndpointError(f"{wanted} did not work: libvirt's own account is missing", details=words, hint=hint)
    if code in _ABSENT:
        return NotFound(f"{wanted}: libvirt does not know it", details=words)
    if code in _THERE or "already exists" in words:
        return Conflict(f"{wanted}: the name is taken", details=words)
    if code in _RIGHTS:
        return Refused(f"{wanted}: libvirt wants other rights", details=words)
    if "No space left" in words:
        return Refused(f"{wanted}: the disk is full", details=words)
    if code in _AWAY or is_lost(error):
        return Unreachable(f"{wanted}: libvirt does not answer", details=words)
    return EndpointError(f"{wanted} did not work", details=words)


def of_system(wanted: str, error: OSError) -> GoldenError:
    """The golden error for one of the operating system's."""
    where = f" ({os.fsdecode(error.filename)})" if error.filename else ""
    words = f"{error.strerror or error}{where}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refused(f"{wanted}: the disk is full", details=words, hint="golden prune; golden gc")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Refused(f"{wanted}: not allowed", details=words)
    if error.errno == errno.ENOENT:
        return NotFound(f"{wanted}: a file is not there", details=words)
    return StateUnusable(f"{wanted} did not work", details=words)


def of_tool(wanted: str, tool: str, words: str) -> GoldenError:
    """The golden error for a failed qemu-img, cp and the like; ``words`` is what it printed."""
    if "No space left" in words or "Disk quota exceeded" in words:
        return Refused(f"{wanted}: the disk is full", details=words, hint="golden prune; golden gc")
    if "Permission denied" in words or "Operation not permitted" in words:
        return Refused(f"{wanted}: not allowed", details=words)
    if "lock" in words and "Is another process using the image" in words:
        return Conflict(f"{wanted}: another process uses the disk", details=words, hint="switch that machine off")
    if "No such file or directory" in words:
        return NotFound(f"{wanted}: a file is not there", details=words)
    return EndpointError(f"{wanted}: {tool} failed", details=words)
