"""
How values are written down: JSON in which a path below the project's own folders is written without them.

So a state folder or a whole project can be moved, or be reached by another name (a link, another mount), and every
path in it still leads to where the thing is. Only a value that is such a path as a whole is written so; text that
mentions one stays text.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

ANCHOR = "$in"
"""Key that tells a path below one of the folders from a text: ``{"$in": "state", "path": "libvirt/store/x"}``."""


class Places:
    """The folders that paths are written without: the state folder, and that of golden.toml where there is one."""

    def __init__(self, state: Path, base: Path | None = None) -> None:
        """Absolute folders. No dataclass: making one takes longer than all else that ``status`` needs of this."""
        self.folders = {"state": str(state), **({"project": str(base)} if base is not None else {})}

    def text(self, value: Any) -> str:
        """A JSON value as it is written down."""
        import json  # `status` reads no value, and starts without it.

        return json.dumps(self._without(value))

    def value(self, text: str) -> Any:
        """What was written, with the paths as they are now."""
        import json

        return json.loads(text, object_hook=self._within)

    def _without(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._without(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._without(item) for item in value]
        if isinstance(value, str):
            for name, folder in self.folders.items():
                if value.startswith(folder + os.sep):
                    return {ANCHOR: name, "path": value[len(folder) + 1 :]}
        return value

    def _within(self, value: dict[str, Any]) -> Any:
        if ANCHOR not in value:
            return value
        # Opened without the project's folder (it never is by golden's commands): the path stays a relative one.
        folder = self.folders.get(value[ANCHOR])
        return value["path"] if folder is None else folder + os.sep + value["path"]
