"""
PowerShell remoting: one engine (psrpcore), two transports (WSMan, SSH), and nothing that can send script text.

What runs on the host is either a pipeline of commands with named parameters (``Session.invoke``) or one of the
constant scripts that golden ships (``Session.run``). Importing this package imports neither psrpcore nor pypsrp nor
paramiko; ``open_session`` does.
"""

from __future__ import annotations

from golden_hyperv.remoting.command import Command
from golden_hyperv.remoting.events import Debug, Event, Information, Progress, Verbose, Warned, Watch
from golden_hyperv.remoting.login import Login, SshLogin, WsmanLogin
from golden_hyperv.remoting.losses import LinkLost, RemoteError
from golden_hyperv.remoting.session import HostTable, Session, open_session
from golden_hyperv.remoting.values import Credential, Secret, Thing, UInt64

__all__ = [
    "Command",
    "Credential",
    "Debug",
    "Event",
    "HostTable",
    "Information",
    "LinkLost",
    "Login",
    "Progress",
    "RemoteError",
    "Secret",
    "Session",
    "SshLogin",
    "Thing",
    "UInt64",
    "Verbose",
    "Warned",
    "Watch",
    "WsmanLogin",
    "open_session",
]
