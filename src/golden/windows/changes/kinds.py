"""Every kind of change of Windows guests, by the name that orders and records use."""

from __future__ import annotations

from collections.abc import Mapping

from golden.errors import UsageError
from golden.windows.changes import (
    appx,
    certificates,
    drivers,
    features,
    files,
    installers,
    registry,
    removal,
    scripts,
    setups,
    updates,
    windows_update,
)
from golden.windows.changes.kind import Kind

KINDS: Mapping[str, Kind] = {
    "appx": appx,
    "capability": features,
    "certificate": certificates,
    "driver": drivers,
    "feature": features,
    "file": files,
    "msi": installers,
    "registry": registry,
    "remove": removal,
    "script": scripts,
    "setup": setups,
    "update": updates,
    "windows-update": windows_update,
}
ASKED: tuple[str, ...] = ("appx", "capability", "feature", "remove", "windows-update")
"""Those that the running guest is asked for, since the powered-off disk does not tell for certain."""


def kind_of(name: str) -> Kind:
    """The kind of that name. UsageError for one that Windows guests do not have."""
    if name not in KINDS:
        raise UsageError(f"a Windows guest takes no change of the kind {name!r}", hint=f"one of: {', '.join(KINDS)}")
    return KINDS[name]
