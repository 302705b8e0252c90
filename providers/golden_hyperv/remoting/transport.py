"""What a way to a host has to do for the engine."""

from __future__ import annotations

import socket
import uuid
from typing import Protocol

from psrpcore import PSRPPayload

PATIENCE = 20.0
"""Seconds one question for output may stay open at the host."""
ANSWER = PATIENCE + 12
"""Seconds without any answer after which a host counts as gone; more than PATIENCE + 10 (pypsrp #21)."""


class Transport(Protocol):
    """
    Carries packets. LinkLost where the session is gone; RemoteError where the host refuses but the session goes on.
    """

    name: str
    """``wsman`` or ``ssh``."""
    limit: int
    """Bytes of PSRP one packet may hold."""

    def create(self, pool: uuid.UUID, first: PSRPPayload) -> None:
        """Make the pool; ``first`` opens it."""

    def grow(self) -> None:
        """The host takes the larger packets that PowerShell 3 and later take."""

    def command(self, pipeline: uuid.UUID, first: PSRPPayload) -> None:
        """Make a pipeline."""

    def send(self, payload: PSRPPayload) -> None:
        """Whatever follows."""

    def receive(self, pipeline: uuid.UUID | None, patience: float) -> list[PSRPPayload]:
        """What came for the pipeline, or the pool; nothing after ``patience`` seconds."""

    def signal(self, pipeline: uuid.UUID) -> None:
        """Ask the pipeline to stop."""

    def finish(self, pipeline: uuid.UUID) -> None:
        """Close the pipeline and free its place on the host."""

    def close(self) -> None:
        """Close the pool and the line. Does not raise."""

    def abandon(self) -> None:
        """Close the line only: the host does not answer any more. Does not raise."""


def socket_options() -> list[tuple[int, int, int]]:
    """For sockets of either transport: a dead network is noticed within half a minute, without traffic of ours."""
    wanted = [(socket.SOL_SOCKET, "SO_KEEPALIVE", 1), (socket.IPPROTO_TCP, "TCP_NODELAY", 1)]
    # Seconds, seconds, tries, milliseconds; where the system has them (tcp(7)).
    finer = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 25000))
    wanted += [(socket.IPPROTO_TCP, name, value) for name, value in finer]
    return [(level, getattr(socket, name), value) for level, name, value in wanted if hasattr(socket, name)]
