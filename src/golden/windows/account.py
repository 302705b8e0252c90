"""The account that sysprep runs as: one the user names, or one that is made in the clone for this one job."""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass, field

from golden.errors import UsageError
from golden.guest.family import SealOrder

BUILDER = re.compile(r"golden-[0-9a-f]{6}", re.IGNORECASE)
"""What the accounts are called that golden makes; none of them may be left in an image."""
_SIGNS = "-_.+!"
_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Runner:
    """A local administrator that sysprep is started as."""

    name: str
    password: str = field(repr=False)
    made: bool
    """Whether it is made in the clone, and so has to be taken away before the clone becomes an image."""


def runner(order: SealOrder) -> Runner:
    """The named administrator, else a new one. UsageError where one is named whose password nobody gave."""
    if not order.account:
        return Runner(f"golden-{secrets.token_hex(3)}", _password(), made=True)
    if not order.password:
        raise UsageError(
            f"sysprep is to run as {order.account}, and no password is configured for it",
            details="a task of an account that is not logged on needs its password",
            hint="in golden.toml: [references.NAME.guest] password_file or password_env; or no account at all, "
            "and golden makes one in the clone and takes it away again",
        )
    return Runner(order.account, order.password, made=False)


def _password() -> str:
    """Random, and of all four kinds of characters that a password policy may ask for."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, _SIGNS)
    signs = [secrets.choice(kind) for kind in kinds]
    signs += [secrets.choice("".join(kinds)) for _ in range(_LENGTH - len(signs))]
    secrets.SystemRandom().shuffle(signs)
    return "".join(signs)
