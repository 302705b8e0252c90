"""
Files to and from guests: plain HTTPS straight to the ESXi host the machine runs on (facts 8).

vCenter gives a one-time URL whose host is the ESXi host's own name, or ``*`` where the client should put the address
it speaks to. Only that host part is ever replaced.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from golden.errors import EndpointError
from golden.guest.communicator import LineLost
from golden_vsphere import trust
from golden_vsphere.faults import untrusted
from golden_vsphere.inventory import Places
from golden_vsphere.line import PATIENCE
from golden_vsphere.reading import props

PIECE = 256 * 1024
SILENCE = 300
"""Seconds a host may take between two pieces of an export: it passes over what is empty without a word."""


@dataclass(slots=True)
class Download:
    """A guest's file that is being fetched, from ``at`` on; pieces that follow each other come from one transfer."""

    path: str
    at: int
    size: int
    """Of the whole file when the transfer began."""
    answer: httpx.Response
    pieces: Iterator[bytes]
    rest: bytes = field(default=b"", repr=False)

    def take(self, size: int) -> bytes:
        """At most ``size`` bytes; fewer at the end only. Raises httpx's errors."""
        held = bytearray(self.rest)
        while len(held) < size and (piece := next(self.pieces, b"")):
            held += piece
        data, self.rest = bytes(held[:size]), bytes(held[size:])
        self.at += len(data)
        return data

    def close(self) -> None:
        """Let go of it."""
        self.answer.close()


class Transfers:
    """HTTP clients for hosts, each with the trust that this host has."""

    def __init__(self, places: Places) -> None:
        """Opens nothing yet."""
        self._places = places
        self._clients: dict[str, httpx.Client] = {}

    def put(self, url: str, data: bytes, machine: Any) -> None:
        """Exactly these bytes. LineLost where the host does not take them."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(data))}
        answer = self._send("PUT", url, machine, headers, data)
        answer.close()
        if not answer.is_success:
            raise LineLost(f"the host did not take a file for the guest: HTTP status {answer.status_code}")

    def get(self, url: str, path: str, size: int, offset: int, machine: Any) -> Download:
        """The file from an offset on. A host that knows no ranges sends all of it, and the beginning is dropped."""
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        answer = self._send("GET", url, machine, headers, None)
        if not answer.is_success:
            answer.close()
            raise LineLost(f"the host does not give a file of the guest: HTTP status {answer.status_code}")
        partial = answer.status_code == httpx.codes.PARTIAL_CONTENT
        download = Download(path, offset if partial else 0, size, answer, answer.iter_raw(PIECE))
        while download.at < offset:
            if not download.take(min(PIECE, offset - download.at)):
                break
        return download

    def _send(self, method: str, url: str, machine: Any, headers: dict[str, str], data: bytes | None) -> httpx.Response:
        where = self._placed(url)
        client = self._client(where)
        try:
            return client.send(client.build_request(method, where, headers=headers, content=data), stream=True)
        except httpx.TransportError as error:
            pinned = self._pinned(machine) if untrusted(error) is not None else None
            if pinned is None:
                raise
        client = self._client(where, pinned)
        return client.send(client.build_request(method, where, headers=headers, content=data), stream=True)

    @contextmanager
    def whole(self, url: str, machine: Any, thumbprint: str = "") -> Iterator[Iterator[bytes]]:
        """
        All of a file whose length nobody knows before, in pieces. ``thumbprint``: what vCenter says of the certificate
        that is met there. EndpointError where the host does not give it, httpx's errors where it breaks off.
        """
        where = self._placed(url)

        def asked(client: httpx.Client) -> httpx.Response:
            patience = httpx.Timeout(PATIENCE, read=SILENCE)
            request = client.build_request("GET", where, headers={"Accept-Encoding": "identity"}, timeout=patience)
            return client.send(request, stream=True)

        try:
            answer = asked(self._client(where))
        except httpx.TransportError as error:
            pinned = self._pinned(machine, thumbprint) if untrusted(error) is not None else None
            if pinned is None:
                raise
            answer = asked(self._client(where, pinned))
        try:
            if not answer.is_success:
                name = urlsplit(where).path.rpartition("/")[2]  # What is before it is a ticket.
                raise EndpointError(f"the host does not give {name}: HTTP status {answer.status_code}")
            yield answer.iter_raw(PIECE)
        finally:
            answer.close()

    def _placed(self, url: str) -> str:
        parts = urlsplit(url)
        if parts.hostname != "*":
            return url
        host = self._places.address.host
        host = f"[{host}]" if ":" in host else host
        return urlunsplit(parts._replace(netloc=host + (f":{parts.port}" if parts.port else "")))

    def _client(self, url: str, context: ssl.SSLContext | None = None) -> httpx.Client:
        parts = urlsplit(url)
        if context is not None or parts.netloc not in self._clients:
            address = self._places.address
            own = parts.hostname == address.host and "host_ca_file" not in address.options
            trusted = context or (self._places.line.context if own else trust.of_hosts(address))
            self._clients[parts.netloc] = self._places.line.http(trusted)
        return self._clients[parts.netloc]

    def _pinned(self, machine: Any, thumbprint: str = "") -> ssl.SSLContext | None:
        """
        What vCenter, which is trusted, says of the certificate: that of the very URL, else of the machine's host. None
        where it says nothing.
        """
        if "host_ca_file" in self._places.address.options:
            return None
        if thumbprint:
            return trust.pinned(thumbprint)
        line = self._places.line
        host = props(line, machine, ("runtime.host",)).get("runtime.host")
        told = None if host is None else props(line, host, ("summary.config.sslThumbprint",))
        print_ = (told or {}).get("summary.config.sslThumbprint")
        return trust.pinned(str(print_)) if print_ else None

    def close(self) -> None:
        """Let go of all connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
