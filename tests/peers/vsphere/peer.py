"""
A vCenter to test against, in one ``with``.

``with vcenter(tmp_path) as peer:`` gives an address, a CA file, a user and a password that a real client uses as it
would use them anywhere; ``peer.seed`` puts a user's machine there, ``peer.rule`` lets something go wrong, and
``peer.requests()`` says what was asked. Everything it starts is ended with the block.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.vsphere.accounts import Account, Accounts
from tests.peers.vsphere.certificates import Authority
from tests.peers.vsphere.journal import Journal, Request
from tests.peers.vsphere.rules import Rule, Rules
from tests.peers.vsphere.seeding import Seeded, Shape, create
from tests.peers.vsphere.server import Front
from tests.peers.vsphere.upstream import Upstream

USER = "golden@vsphere.local"


@dataclass(frozen=True)
class Peer:
    """A running vCenter. ``ca`` verifies it and its hosts, ``thumbprint`` is its certificate's SHA-1."""

    folder: Path
    host: str
    port: int
    ca: Path
    user: str
    password: str
    thumbprint: str
    upstream: Upstream
    rules: Rules
    accounts: Accounts
    journal: Journal

    @property
    def url(self) -> str:
        """``https://host:port``."""
        return f"https://{self.host}:{self.port}"

    def rule(self, call: str, do: str, **more: Any) -> Rule:
        """Let something go wrong from now on; see ``rules.Rule``."""
        made = Rule(call, do, **more)
        self.rules.add(made)
        return made

    def requests(self, call: str = "") -> list[Request]:
        """What was asked and answered, oldest first; of one call only if it is named."""
        return [entry for entry in self.journal.entries() if call in ("", entry.call)]

    def seed(self, name: str, **shape: Any) -> Seeded:
        """Put a user's own machine there, powered off; what it is made of: ``seeding.Shape``."""
        return create(self.upstream, name, Shape(**shape))

    def account(self, user: str, password: str, lacks: dict[str, tuple[str, ...]] | None = None) -> Account:
        """Another user; ``lacks`` names privileges that its role has not, see ``accounts.Account``."""
        made = Account(user, password, lacks or {})
        self.accounts.add(made)
        return made


@contextmanager
def vcenter(
    folder: Path, *, machines: int = 0, faults: Iterable[Rule] = (), esx: bool = False, idle: float = 1800
) -> Iterator[Peer]:
    """
    A vCenter (``esx``: one ESXi host) that keeps its files in ``folder``.

    ``machines`` are other people's, without guests, in the folder ``/DC0/vm``; ``idle`` seconds of silence end a
    session. Raises AssertionError with what to install where it cannot be built.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        upstream = Upstream(folder / "simulator", machines=machines, esx=esx, idle=idle)
        stack.callback(upstream.end)
        rules, journal, accounts = Rules(faults), Journal(folder / "requests.jsonl"), Accounts(upstream)
        front = Front(upstream, rules, journal)
        front.services, front.expire, front.seen = [accounts], accounts.expire, accounts.seen
        authority = Authority.new(folder / "ca.pem", "golden test CA")
        context, thumbprint = authority.server(folder, "vcenter")
        stack.callback(front.end)
        front.port = front.listen(context)
        password = f"s3cret-{secrets.token_hex(8)}"
        accounts.add(Account(USER, password))
        yield Peer(
            folder,
            "127.0.0.1",
            front.port,
            authority.file,
            USER,
            password,
            thumbprint,
            upstream,
            rules,
            accounts,
            journal,
        )
