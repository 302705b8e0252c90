"""WinRM into a Windows guest, with golden's own scripts behind it."""

from __future__ import annotations

from golden.guest.winrm import WinrmAddress, WinrmCommunicator
from golden.windows.dialect import SCRIPTS


def windows_over_winrm(address: WinrmAddress) -> WinrmCommunicator:
    """A line over WinRM that is not connected yet."""
    return WinrmCommunicator(address, SCRIPTS)
