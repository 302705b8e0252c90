"""Passwords in command lines, by the forms in which Windows' own tools and common ones take them."""

from __future__ import annotations

_WORDS = ("net", "pass", "pwd", "securestring", "/rp", "-token", "apikey", "secret")
"""No command without one of these holds anything that is looked for."""
_MOST = 64 << 10
"""Characters of a command that are looked at; Windows takes no longer ones."""
_VALUE = r"(?![$%({*/<&|>-])(?:\"[^\"]+\"|'[^']+'|[^\s\"';|&)]+)"
"""A word that stands for itself: no variable, no call, no further switch, no ``*`` that asks somebody."""
_FORMS = (
    ("net user NAME PASSWORD", rf"\bnet1?(?:\.exe)?\"?\s+user\s+(?:\"[^\"]+\"|[^\s/\"]+)\s+{_VALUE}"),
    ("net use … PASSWORD", rf"\bnet1?(?:\.exe)?\"?\s+use\s+(?:\S:\s+|\*\s+)?\\\\\S+\s+(?:/user:\S+\s+)?{_VALUE}"),
    ("DefaultPassword", rf"\bDefaultPassword\b.{{0,60}}?(?:/d|-Value)\s+{_VALUE}"),
    ("ConvertTo-SecureString", r"\bConvertTo-SecureString\s+(?:-String\s+)?(?:\"[^\"$]+\"|'[^']+')"),
    ("a switch for a password", rf"[-/]\w{{0,30}}(?:password|passwd|pwd|passphrase)(?:\s+|[:=]\s*){_VALUE}"),
    ("/pass, /rp", rf"\s/(?:pass|rp)(?::|\s+){_VALUE}"),
    ("NAME=PASSWORD", rf"\b\w{{0,30}}(?:password|passwd|pwd|apikey|secret)\s?=\s?{_VALUE}"),
)


def in_command(text: str) -> str | None:
    """Which form of a password a command line holds; None where it holds none that is known."""
    text = text[:_MOST]
    low = text.lower()
    if not any(word in low for word in _WORDS):
        return None
    import re

    return next((name for name, form in _FORMS if re.search(form, text, re.IGNORECASE)), None)
