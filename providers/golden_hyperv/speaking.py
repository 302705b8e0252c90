"""What a call into a guest may end with, told apart in one place; and how often a refused account is tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from golden.errors import GoldenError, GuestError, Refused, TimedOut
from golden.guest.communicator import LineLost
from golden_hyperv.faults import LostAnswer
from golden_hyperv.remoting import LinkLost, RemoteError

CAP = 2
"""Refused log-ins to one guest, in all: a guest may lock the account after three (facts 5.9)."""
REFUSED_WORDS = ("credential is invalid", "credentials are invalid", "user name or password is incorrect")
"""As PowerShell Direct says it in English, which golden's sessions ask for; it has no id of its own (facts 5.9)."""


@dataclass(slots=True)
class Attempts:
    """Refused log-ins, by machine and account; kept for as long as the connection to the host."""

    refused: dict[tuple[str, str], int] = field(default_factory=dict)

    def left(self, vm: str, user: str) -> int:
        """How many more may be made."""
        return CAP - self.refused.get((vm, user), 0)

    def add(self, vm: str, user: str) -> None:
        """One more was refused."""
        self.refused[vm, user] = self.refused.get((vm, user), 0) + 1

    def forget(self, vm: str, user: str) -> None:
        """The account was let in."""
        self.refused.pop((vm, user), None)


def is_refusal(error: RemoteError) -> bool:
    """Whether the guest refuses the account, rather than not being there yet."""
    words = error.message.casefold()
    return any(one in words for one in REFUSED_WORDS) or (
        error.is_a("InvalidCredential") or error.category == "AuthenticationError"
    )


def refused(name: str, user: str, words: str) -> Refused:
    """What to say when a guest does not take its account."""
    return Refused(
        f"the guest of {name} refuses the account {user}; golden does not try again, so that it is not locked",
        details=words,
        hint="is its password the present one? PowerShell Direct says the same of accounts that are disabled or not "
        "there (the built-in Administrator before the first log-on)",
    )


@contextmanager
def about(name: str, wanted: str) -> Iterator[None]:
    """Inside, the host's errors become the waist's: the host's word about the way into a guest is a lost line."""
    try:
        yield
    except GoldenError as error:
        if isinstance(error, TimedOut):
            raise LineLost(f"{wanted} in {name}: no answer in time") from error
        raise
    except LinkLost as error:
        raise LineLost(f"{wanted} in {name}: the session with the host broke") from error
    except LostAnswer as error:
        raise LineLost(f"{wanted} in {name}: the host's answer was lost") from error
    except RemoteError as error:
        if is_refusal(error):
            raise Refused(f"{wanted}: the guest of {name} refuses its account", details=error.message) from error
        raise LineLost(f"{wanted} in {name}: {' '.join(error.message.split())}") from error


def answered(told: list[Any], wanted: str) -> Any:
    """The one object that a script in a guest gives; GuestError with the guest's words where it could not."""
    if not told:
        raise LineLost(f"{wanted}: the guest gave no answer")
    answer = told[-1]
    if answer["Failed"]:
        raise GuestError(f"the guest refused {wanted}", details=" ".join(str(answer["Failed"]).split()))
    return answer
