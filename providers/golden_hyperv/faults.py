"""The one place where errors of a host, and lost sessions, become golden's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from golden.errors import Conflict, EndpointError, GoldenError, NotAble, NotFound, Refused, Unreachable
from golden_hyperv.remoting import LinkLost, RemoteError

NO_COMMAND = "CommandNotFoundException"
ABSENT = ("ObjectNotFound",)
TAKEN = ("ResourceExists",)
BUSY = ("ResourceBusy", "InvalidOperation", "InvalidState")
DENIED = ("PermissionDenied", "SecurityError", "AuthenticationError")
DENIED_TYPES = ("System.UnauthorizedAccessException", "System.Security.SecurityException")
NO_ROOM = (0x80070070, 0x80070027)
"""HRESULT of ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL."""
SHARED = (0x80070020, 0x80070021)
"""HRESULT of ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION."""
BROKEN = (*range(0xC03A0001, 0xC03A0010), 0xC03A0010, 0xC03A0012, 0xC03A0013, 0xC03A0015, 0xC03A0017, 0xC03A0018,
          0xC03A0019, 0x80070570)  # fmt: skip
"""
A virtual disk that is not what it should be, or whose parent is not (winerror.h): a footer, header, table or size that
is corrupt, a parent that is not found, of another identity, another size, or in a circle; ERROR_FILE_CORRUPT.
"""
NO_FILE = (0x80070002, 0x80070003)
"""HRESULT of ERROR_FILE_NOT_FOUND and ERROR_PATH_NOT_FOUND."""
FILE_EXISTS = (0x80070050, 0x800700B7)
"""HRESULT of ERROR_FILE_EXISTS and ERROR_ALREADY_EXISTS."""
NO_ACCESS = (0x80070005,)
"""HRESULT of E_ACCESSDENIED."""
_CODE = re.compile(r"\(0x([0-9A-Fa-f]{8})\)")
SECOND_HOP = (
    "a PowerShell session carries no network credential: keep golden's folder on a disk of the host or on a cluster's "
    "shared volume, or allow delegation (docs: second hop)"
)


class LostAnswer(Exception):
    """Something that changes the host was sent and its answer did not come. Whoever sent it looks before going on."""


@contextmanager
def translated(wanted: str) -> Iterator[None]:
    """Turn foreign errors inside the block into golden's; ``wanted`` completes "… did not work", e.g. "starting x"."""
    try:
        yield
    except GoldenError:
        raise
    except LostAnswer as error:
        raise Unreachable(
            f"{wanted}: the host's answer was lost, and nothing shows that it was done",
            details=str(error.__cause__ or error),
            hint="golden resume",
        ) from error
    except LinkLost as error:
        raise Unreachable(f"{wanted}: the session with the host broke", details=str(error)) from error
    except RemoteError as error:
        raise of_host(wanted, error) from error


def of_host(wanted: str, error: RemoteError) -> GoldenError:
    """The golden error for one of the host's, with its own words as details."""
    words = words_of(error)
    if error.is_a(NO_COMMAND):
        return NotAble(
            f"{wanted}: the host has no command {error.target or 'for it'}",
            details=words,
            hint="is the Hyper-V role with its PowerShell module installed there? golden endpoint check",
        )
    if error.category in ABSENT and error.fqid.startswith("ObjectNotFound,") and error.fqid.endswith(".GetVM"):
        return unmanaged(error)
    if has_no_room(error):
        return Refused(f"{wanted}: there is no room for it on the host", details=words, hint="golden gc, golden prune")
    if is_denied(error):
        hint = SECOND_HOP if "\\\\" in f"{error.target} {error.message}" else (
            "golden's account has to be one of the host's Hyper-V Administrators: golden endpoint check"
        )  # fmt: skip
        return Refused(f"{wanted}: the host denies it to golden's account", details=words, hint=hint)
    told = codes(error)
    for categories, numbers, kind, brief in _TABLE:
        if error.category in categories or told & set(numbers):
            return kind(f"{wanted}: {brief}", details=words)
    return EndpointError(f"{wanted} did not work", details=words)


def unmanaged(error: RemoteError) -> EndpointError:
    """
    What to say where the service vmms is down: the host says then that "an object was not found", and does not mean a
    machine. One that is not there is an InvalidParameter to Get-VM (reports of real hosts).
    """
    return EndpointError(
        "the host's management service for virtual machines does not answer",
        details=words_of(error),
        hint="is its service vmms running? golden resume",
    )


_TABLE: tuple[tuple[tuple[str, ...], tuple[int, ...], type[GoldenError], str], ...] = (
    (ABSENT, NO_FILE, NotFound, "the host does not know it"),
    (TAKEN, FILE_EXISTS, Conflict, "it is there already"),
    (BUSY, SHARED, Conflict, "something else is being done with it, or it is in another state"),
)


def codes(error: RemoteError) -> set[int]:
    """
    The HRESULTs an error carries: as a property, or in brackets in its text, where Hyper-V's cmdlets put it.

    Reports of real hosts: New-VHD on a file that exists is OperationFailed, NotSpecified, "... (0x80070050)."
    """
    told = codes_in(error.message)
    return told if error.hresult is None else told | {error.hresult & 0xFFFFFFFF}


def codes_in(text: str) -> set[int]:
    """The HRESULTs that stand in brackets in a text of Hyper-V's."""
    return {int(found, 16) for found in _CODE.findall(text)}


def is_denied(error: RemoteError) -> bool:
    """Whether the account lacks a right."""
    types = (error.exception_type, *_types(error))
    return error.category in DENIED or any(kind in DENIED_TYPES for kind in types) or bool(codes(error) & {*NO_ACCESS})


def _types(error: RemoteError) -> tuple[str, ...]:
    return tuple(kind for failure in error.failures for kind in failure.exception_types)


def has_no_room(error: RemoteError) -> bool:
    """Whether a disk or share is full."""
    return bool(codes(error) & set(NO_ROOM))


def is_in_use(error: RemoteError) -> bool:
    """
    Whether somebody else has the file open. A full disk is a WriteError, too; it is not let go of by waiting.

    Get-FileHash tells no code, only that it could not read; that is taken for a file in use.
    """
    if codes(error) & set(SHARED) or error.category == "ResourceBusy" or error.is_a("FileReadError"):
        return True
    return error.category == "WriteError" and not has_no_room(error) and not is_denied(error)


def is_broken(error: RemoteError) -> bool:
    """Whether it says that a virtual disk or its chain is not what it should be, by code or by category."""
    return bool(codes(error) & set(BROKEN)) or error.category == "InvalidData"


def words_of(error: RemoteError) -> str:
    """What the host said, in one text: its message, and by what its error is known."""
    told = " ".join(error.message.split())
    known = ", ".join(filter(None, (error.fqid, error.category)))
    return f"{told} ({known})" if known else told
