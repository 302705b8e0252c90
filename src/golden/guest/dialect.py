"""What differs between guest families in how programs, folders and power are spoken of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from golden.errors import GuestError


@dataclass(frozen=True, slots=True)
class Script:
    """A script that golden ships, run in the guest as the file it is; data travels beside it, never in it."""

    path: Path
    refused: str = ""
    """What to look at where the guest ends it without an answer, as a hint."""

    @property
    def name(self) -> str:
        """File name, also in the guest."""
        return self.path.name

    def content(self) -> bytes:
        """The bytes that are pushed; a stand-in may know them by SHA-256."""
        return self.path.read_bytes()


class Dialect(Protocol):
    """Constant argument lists and path rules of one family; nothing here is built from user data."""

    work_folder: str
    """Parent of the run folders, in the guest."""
    launcher: Script
    """Runs a program with its output and exit code in files, so that a lost line or pid is a non-event."""

    def join(self, folder: str, *names: str) -> str:
        """A path below ``folder``."""

    def make_folder(self, path: str) -> tuple[str, ...]:
        """Make a folder and its parents; there already is success."""

    def remove_folder(self, path: str) -> tuple[str, ...]:
        """Take a folder away with all in it."""

    def launch(self, launcher: str, order: str) -> tuple[str, ...]:
        """
        Run the launcher on an order file (argv, env, cwd, out, err, code).

        The launcher takes an order at most once: a second one on the same order ends with code 17. It leaves
        its number in ``code + ".pid"`` and, last, ``{"code": …, "out": bytes, "err": bytes}`` in ``code``.
        """

    def encode_order(self, order: Mapping[str, object]) -> bytes:
        """An order as this family's launcher reads it. UsageError where the family cannot hold a value."""

    def encode_parameters(self, parameters: Mapping[str, object]) -> bytes:
        """Parameters as this family's own scripts read them; answers are JSON everywhere."""

    def shipped(self, script: str, parameters: str, result: str) -> tuple[str, ...]:
        """Run one of golden's own scripts: parameters from one file, JSON result into another."""

    def interpreter(self, script: str) -> tuple[str, ...]:
        """Run a user's script by its ending. UsageError where the family cannot run it."""

    def shut_down(self) -> tuple[str, ...]:
        """Switch the guest off from inside, in order."""

    def restart(self) -> tuple[str, ...]:
        """Restart the guest from inside, in order."""

    @property
    def probe(self) -> Script:
        """
        The script that answers ``{"boot_mark": …}``, any text that differs after each boot, and ``running``: whether
        the process with the number given as parameter ``process`` exists. It may tell ``code_page``, in which programs
        of this guest write what is no UTF-8. Where this family's scripts cannot run in the guest it answers
        ``{"lacking": {"wanted": …, "met": …, "fix": …}}`` instead.
        """

    @property
    def hasher(self) -> Script:
        """The script that answers ``{"sha256": …, "size": …}`` for the parameter ``path``."""


def refuse_lacking(told: Any) -> None:
    """GuestError where the probe says that the guest has not what golden's scripts need."""
    if isinstance(told, dict) and (lacking := told.get("lacking")):
        raise GuestError(
            f"golden can do nothing in this guest: it has {lacking['met']}, and {lacking['wanted']} is wanted",
            hint=str(lacking["fix"]),
        )
