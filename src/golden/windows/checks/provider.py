"""Sysprep providers of other makers, as they are registered: ``DLL,entry point``. docs/facts: windows 1.1."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLES = {"%systemroot%": "C:\\Windows", "%windir%": "C:\\Windows", "%systemdrive%": "C:",
              "%programfiles%": "C:\\Program Files", "%commonprogramfiles%": "C:\\Program Files\\Common Files",
              "%programdata%": "C:\\ProgramData"}  # fmt: skip


def library(data: str, variables: Mapping[str, str] = _VARIABLES) -> str | None:
    """The path of the DLL on drive C:; None where the text names another drive or a variable nobody knows."""
    text = data.rpartition(",")[0] if "," in data else data
    text = text.strip().strip('"').replace("/", "\\")
    for name, value in variables.items():
        text = re.sub(re.escape(name), value.replace("\\", r"\\"), text, flags=re.IGNORECASE)
    if not text or "%" in text:
        return None
    if re.match(r"[A-Za-z]:\\", text):
        return text if text[0].lower() == "c" else None
    if text.startswith("\\"):
        return f"C:{text}" if not text.startswith("\\\\") else None
    return f"C:\\Windows\\System32\\{text}"
