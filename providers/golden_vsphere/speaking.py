"""What a call to a guest may end with, told apart: the line, the guest's word, vCenter's rights, the account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from golden.errors import GuestError, Refused
from golden.guest.communicator import LineLost
from golden_vsphere.faults import BROKEN, LostAnswer, is_a, is_fault, of_fault, of_network, untrusted, words_of

_AWAY = (
    "GuestOperationsUnavailable",
    "ToolsUnavailable",
    "InvalidState",
    "TaskInProgress",
    "HostNotConnected",
    "HostCommunication",
    "HostNotReachable",
    "ManagedObjectNotFound",
    "SystemError",
    "Timedout",
)
"""What may pass by itself: the guest restarts, its host is being reached again, a server has hiccups."""
_LOGIN = ("InvalidGuestLogin", "GuestAuthenticationChallenge")


@dataclass(frozen=True, slots=True)
class Speaking:
    """Calls to one guest with one account."""

    machine: str
    """Its name, for messages."""
    user: str
    broken: Callable[[], None]
    """Called where the connection broke: what was open is of no use any more."""

    @contextmanager
    def about(self, what: str) -> Iterator[None]:
        """LineLost for whatever may pass; GuestError with the guest's words; Refused for rights, logins and trust."""
        try:
            yield
        except (LineLost, GuestError, Refused):
            raise
        except LostAnswer as error:
            raise LineLost(f"{what}: {error}") from error
        except BROKEN as error:
            self.broken()
            if untrusted(error) is not None:
                raise of_network(f"{what} in {self.machine}: its host", error) from error
            raise LineLost(f"{what}: {type(error).__name__}: {error}") from error
        except Exception as error:
            if not is_fault(error):
                raise
            raise self._of_fault(what, error) from error

    def _of_fault(self, what: str, error: Exception) -> Exception:
        if is_a(error, *_LOGIN):
            return Refused(
                f"the guest of {self.machine} refuses the account {self.user}",
                details=words_of(error),
                hint="account and password in [references.NAME.guest]; on Windows the built-in Administrator",
            )
        if is_a(error, "NoPermission"):
            return of_fault(f"{what} in {self.machine}", error)
        if is_a(error, *_AWAY):
            return LineLost(f"{what}: {words_of(error)}")
        return GuestError(f"the guest of {self.machine} refused: {what}", details=words_of(error))
