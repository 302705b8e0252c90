"""The one place where vSphere's, HTTP's and the network's errors become golden's."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.parsers.expat import ExpatError

import httpx
from pyVmomi import vim, vmodl

from golden.errors import Conflict, EndpointError, GoldenError, NotAble, NotFound, Refused, Unreachable

Fault: Any = vmodl.MethodFault
NotAuthenticated: Any = vim.fault.NotAuthenticated
Gone: Any = vmodl.fault.ManagedObjectNotFound
BROKEN: tuple[type[Exception], ...] = (http.client.HTTPException, OSError, ExpatError, httpx.TransportError)
"""What a call ends with whose answer did not arrive: whether it was carried out nobody knows."""

_ABSENT = ("ManagedObjectNotFound", "NotFound", "FileNotFound", "NoSuchProcess", "DatastoreNotFound")
_TAKEN = ("DuplicateName", "AlreadyExists", "FileAlreadyExists")
_IN_USE = (
    "TaskInProgress",
    "ConcurrentAccess",
    "FileLocked",
    "InvalidPowerState",
    "InvalidState",
    "VmConfigIncompatibleForRecordReplay",
    "ResourceInUse",
)
_NO_ROOM = ("NoDiskSpace", "InsufficientStorageSpace", "InsufficientResourcesFault", "OutOfBounds", "FileTooLarge")
_AWAY = ("HostNotConnected", "HostCommunication", "HostNotReachable", "HostConnectFault", "Timedout")
_CANCELED = ("RequestCanceled",)
_CANNOT = ("NotSupported", "MethodNotFound", "TooManySnapshotLevels", "NotImplemented", "MultipleSnapshotsNotSupported")


class LostAnswer(Exception):
    """A call that changes something was sent and its answer did not come. Whoever sent it looks before going on."""


class OldVersion(Exception):
    """The server has no such method or property; whoever asked knows another way."""


def is_fault(error: BaseException) -> bool:
    """Whether this is one of vSphere's own."""
    return isinstance(error, Fault)


def kinds_of(error: BaseException) -> tuple[str, ...]:
    """Names of a fault's classes, the nearest first, as the reference writes them."""
    return tuple(one.__name__.rpartition(".")[2] for one in type(error).__mro__)


def is_a(error: BaseException, *names: str) -> bool:
    """Whether a fault is one of these, or below one."""
    return any(name in names for name in kinds_of(error))


@contextmanager
def translated(wanted: str) -> Iterator[None]:
    """Turn foreign errors inside the block into golden's; ``wanted`` completes "… did not work", e.g. "starting x"."""
    try:
        yield
    except GoldenError:
        raise
    except LostAnswer as error:
        raise Unreachable(
            f"{wanted}: vCenter's answer was lost, and nothing shows that it was done",
            details=str(error.__cause__ or error),
            hint="golden resume",
        ) from error
    except Fault as error:
        raise of_fault(wanted, error) from error
    except BROKEN as error:
        raise of_network(wanted, error) from error


def of_fault(wanted: str, error: BaseException) -> GoldenError:
    """The golden error for one of vSphere's, with its own words as details; a general one is told by its cause."""
    words = words_of(error)
    for one in _causes(error):
        if (known := _known(wanted, one, words)) is not None:
            return known
    return EndpointError(f"{wanted} did not work", details=words)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """A fault and those that it says it comes of, the nearest first."""
    seen: set[int] = set()
    here: BaseException | None = error
    while here is not None and id(here) not in seen:
        seen.add(id(here))
        yield here
        here = getattr(here, "faultCause", None)


def _known(wanted: str, error: BaseException, words: str) -> GoldenError | None:
    if is_a(error, "NoPermission"):
        right, where = getattr(error, "privilegeId", None) or "a privilege", shown(getattr(error, "object", None))
        return Refused(
            f"{wanted}: golden's account lacks {right} on {where}",
            details=words,
            hint="golden endpoint check names all",
        )
    if is_a(error, "InvalidLogin"):
        hint = "is the account right (name@domain) and its password the present one?"
        return Refused(f"{wanted}: vCenter refuses the account or its password", details=words, hint=hint)
    if is_a(error, "NotAuthenticated"):
        return Refused(f"{wanted}: the vSphere session is over", details=words, hint="log in again, or use a password")
    if is_a(error, *_CANCELED):
        hint = "ask who canceled it (its task and events in vSphere's client), then the same command again"
        return EndpointError(f"{wanted}: somebody canceled it in vSphere", details=words, hint=hint)
    for names, kind, brief in _TABLE:
        if is_a(error, *names):
            return kind(f"{wanted}: {brief}", details=words)
    return None


_TABLE: tuple[tuple[tuple[str, ...], type[GoldenError], str], ...] = (
    (_ABSENT, NotFound, "vCenter does not know it"),
    (_TAKEN, Conflict, "the name is taken"),
    (_NO_ROOM, Refused, "there is no room for it"),
    (_AWAY, Unreachable, "its host does not answer vCenter"),
    (_CANNOT, NotAble, "this vSphere cannot do that"),
    (_IN_USE, Conflict, "something else is being done with it, or it is in another state"),
)


def of_network(wanted: str, error: BaseException) -> GoldenError:
    """The golden error for a connection that was not made or broke."""
    words = f"{type(error).__name__}: {error}"
    cause = untrusted(error)
    if cause is not None:
        return Refused(
            f"{wanted}: its certificate is not to be trusted",
            details=str(cause),
            hint="ca_file = the CA that signed it, or thumbprint = its SHA-256",
        )
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return Unreachable(f"{wanted}: no answer in time", details=words)
    return Unreachable(f"{wanted}: nobody answers there", details=words)


def untrusted(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The certificate error below an error, as httpx and pyVmomi wrap them."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def words_of(error: BaseException) -> str:
    """
    What the server said, in one text: the fault's name, its messages, and what it carries about places; then the same
    of each fault that it comes of.
    """
    return "; caused by ".join("; ".join(_words(one)) for one in _causes(error))


def _words(error: BaseException) -> Iterator[str]:
    yield kinds_of(error)[0]
    said = {str(getattr(error, "msg", None) or "")}
    for name in ("msg", "name", "file", "datastore", "privilegeId", "existingState", "requestedState", "reason"):
        value = getattr(error, name, None)
        if value:
            yield f"{name}: {shown(value)}"
    for one in getattr(error, "faultMessage", None) or ():
        text = str(one.message or one.key or "")
        if text and text not in said:
            said.add(text)
            yield text


def shown(value: object) -> str:
    """A value for people: of a managed object its kind and id, without asking the server."""
    moid = getattr(value, "_moId", None)
    if moid is None:
        return str(value)
    return f"{type(value).__name__.rpartition('.')[2]} {moid}"
