"""SSH into a Linux guest: the far shell is POSIX, and golden's own starter sits behind it."""

from __future__ import annotations

from golden.guest.ssh import SshAddress, SshCommunicator, far_shell
from golden.linux.dialect import SCRIPTS, encode_lines


def linux_over_ssh(address: SshAddress, shell: str = "posix") -> SshCommunicator:
    """A line over SSH that is not connected yet. NotAble for the shells of Windows' OpenSSH (cmd, powershell)."""
    return SshCommunicator(address, far_shell(shell, SCRIPTS / "start.sh", encode_lines))
