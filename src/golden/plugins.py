"""Providers and libraries, found by entry point and loaded only when their scheme is asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from golden.errors import BadConfig, NotAble
from golden.library import Library, LibraryFactory
from golden.model import Finding
from golden.provider import Endpoint, Hypervisor, Provider, Scope

_EXTRAS = {"qemu": "libvirt", "qemu+ssh": "libvirt", "vsphere": "vsphere", "hyperv": "hyperv"}


def scheme(url: str) -> str:
    """What stands before the first colon, in lower case."""
    return url.partition(":")[0].lower()


def provider(endpoint: Endpoint) -> Provider:
    """The provider that opens the endpoint's URL. BadConfig where none does, NotAble where its extra is missing."""
    found: Provider = _first("golden.providers", endpoint, "endpoint")
    return found


def open_hypervisor(endpoint: Endpoint, scope: Scope) -> Hypervisor:
    """Connect to an endpoint."""
    return provider(endpoint).open(endpoint, scope)


def scratch(endpoint: Endpoint, scope: Scope) -> AbstractContextManager[Endpoint]:
    """
    The endpoint as it is tried out on, for the length of a block: a place of its own there, where its provider offers
    one by a ``scratch`` of the same arguments.
    """
    own = getattr(provider(endpoint), "scratch", None)
    found: AbstractContextManager[Endpoint] = nullcontext(endpoint) if own is None else own(endpoint, scope)
    return found


def open_library(endpoint: Endpoint, scope: Scope, base: Path) -> Library:
    """Connect to a library."""
    return library_factory(endpoint).open(endpoint, scope, base)


def assert_url(opener: Provider | LibraryFactory, endpoint: Endpoint) -> None:
    """BadConfig for a URL that its provider or factory could never open, where that offers to look by ``check_url``."""
    own = getattr(opener, "check_url", None)
    if own is not None:
        own(endpoint)


def library_findings(endpoint: Endpoint, scope: Scope, base: Path) -> tuple[Finding, ...]:
    """What a library has to tell when it is looked at: by its factory, or by being opened, whose errors come out."""
    own = getattr(library_factory(endpoint), "diagnose", None)
    if own is None:
        open_library(endpoint, scope, base).close()
        return ()
    found: tuple[Finding, ...] = own(endpoint, scope, base)
    return found


def library_factory(endpoint: Endpoint) -> LibraryFactory:
    """Whoever opens the library's URL; the same errors as ``provider``."""
    found: LibraryFactory = _first("golden.libraries", endpoint, "library")
    return found


@cache
def _entries(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda entry: entry.name)


def _first(group: str, endpoint: Endpoint, what: str) -> Any:
    wanted, known = scheme(endpoint.url), []
    for entry in _entries(group):
        plugin = _load(entry)
        if plugin is None:
            continue
        if wanted in plugin.schemes:
            return plugin
        known += plugin.schemes
    hint = f"pip install 'golden-reference[{_EXTRAS[wanted]}]'" if wanted in _EXTRAS else None
    raise BadConfig(
        f"no {what} is opened by URLs like {endpoint.url!r}; known are {', '.join(f'{s}:' for s in known)}", hint=hint
    )


def _load(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except ImportError:
        return None  # An extra that is not installed; asking for its scheme says which.


def unusable(error: ImportError, extra: str) -> NotAble:
    """What to say when a provider's own library is missing."""
    return NotAble(
        f"{error.name or 'a library'} is not installed, which this endpoint needs",
        hint=f"pip install 'golden-reference[{extra}]'",
    )
