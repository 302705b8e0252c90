"""
What providers and libraries read of a URL and of its table in golden.toml: options, trust, and where secrets lie.

One wording for all of them: what a provider alone knows (its schemes, which options there are) is its own matter.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from difflib import get_close_matches
from urllib.parse import SplitResult, parse_qsl, urlsplit

from golden.errors import BadConfig, NotAble
from golden.provider import Endpoint, Scope
from golden.written import expanded

GUEST = ("guest_account", "guest_password_env", "guest_password_file", "guest_keyring")
"""Told to the endpoint of a reference whose table in golden.toml has an account; none of them holds a secret."""
_THUMBPRINT = re.compile(r"([0-9a-f]{2}:?){31}[0-9a-f]{2}", re.IGNORECASE)


def split(endpoint: Endpoint, example: str) -> tuple[SplitResult, int | None, dict[str, str]]:
    """The parts of its URL, the port, and the options of the URL with the table's over them. BadConfig for no URL."""
    try:
        parts = urlsplit(endpoint.url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        port = parts.port
    except ValueError as error:
        raise cannot_open(endpoint.url, str(error), f"like {example}") from error
    options = {**query, **endpoint.options}
    files = {key: value for key, value in options.items() if key.endswith("_file") and value}
    return parts, port, options | {key: str(expanded(path, f"{endpoint.name}: {key}")) for key, path in files.items()}


def endpoint_of(library: Endpoint, scope: Scope, name: str, example: str) -> Endpoint:
    """The endpoint that a library names. BadConfig for none, NotFound for an unknown one."""
    if not name:
        raise BadConfig(f"library {library.name} does not say which endpoint it is reached by", hint=f"like {example}")
    if scope.endpoint is None:
        raise BadConfig(f"library {library.name} lies behind endpoint {name}, and there is no golden.toml that has it")
    return scope.endpoint(name)


def cannot_open(url: str, why: str, hint: str) -> BadConfig:
    """For a URL that is none of the provider's."""
    return BadConfig(f"the URL {public(url)} cannot be opened: {why}", hint=hint)


def public(url: str) -> str:
    """In quotes, without whatever may be a password."""
    bare = re.sub(r"//[^/?#]*@", "//***@", url)
    return repr(re.sub(r"(?<=[?&])([^=&]*pass[^=&]*)=[^&]*", r"\1=***", bare))


def must_be_known(whose: str, options: Collection[str], known: Collection[str]) -> None:
    """BadConfig for an option nobody reads: a slip of the pen must not change what golden does."""
    for key in options:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            those = f"known are {', '.join(known)}" if known else "it takes none"
            hint = f"did you mean {close[0]}?" if close else those
            raise BadConfig(f"{whose} has an option golden does not know: {key}", hint=hint)


def thumbprint(text: str, whose: str) -> str:
    """SHA-256 of a certificate as 64 small hexadecimal digits; nothing for nothing. BadConfig for anything else."""
    if text and not _THUMBPRINT.fullmatch(text):
        raise BadConfig(
            f"the thumbprint of {whose} is no SHA-256",
            details=text,
            hint="openssl x509 -in CERTIFICATE -noout -fingerprint -sha256",
        )
    return text.replace(":", "").lower()


def number(key: str, text: str, most: int) -> int:
    """From 1 on. BadConfig."""
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= most:
        raise BadConfig(f"{key} is a number from 1 to {most}, not {text!r}")
    return int(text)


def secret(options: dict[str, str], key: str, what: str) -> str:
    """What ``<key>_file`` or ``<key>_env`` holds; one of them has to be there. BadConfig where it is empty."""
    if path := options.get(f"{key}_file"):
        try:
            text = expanded(path, f"{key}_file").read_text(encoding="utf-8-sig").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            words = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise BadConfig(f"{what} cannot be read from {path}: {words}") from error
        where = path
    else:
        where = options[f"{key}_env"]
        text = os.environ.get(where, "")
    if not text:
        raise BadConfig(f"{what} is empty", details=f"looked in {where}", hint=f"set {where}")
    return text


def password(options: dict[str, str], prefix: str, user: str) -> str:
    """What ``<prefix>keyring``, ``<prefix>password_file`` or ``<prefix>password_env`` leads to. BadConfig, NotAble."""
    if service := options.get(f"{prefix}keyring"):
        return _from_keyring(service, user)
    return secret(options, f"{prefix}password", f"the password of {user}")


def _from_keyring(service: str, user: str) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise NotAble("keyring is not installed, which this endpoint needs", hint="pip install keyring") from error
    try:
        found = keyring.get_password(service, user)
    except KeyringError as error:
        raise BadConfig(f"the keyring does not open for {service}", details=str(error)) from error
    if not found:
        raise BadConfig(f"the keyring has no password of {user} for {service}", hint=f"keyring set {service} {user}")
    return found
