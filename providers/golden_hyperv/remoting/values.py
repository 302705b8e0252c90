"""Values that go to a host and come back, free of any library's types."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn


class Secret:
    """A password. It has no text of its own; ``reveal`` gives it to whoever encrypts it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The password itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")


@dataclass(frozen=True, slots=True)
class Credential:
    """An account with its password; travels as a PSCredential over the session key."""

    user: str
    password: Secret


class UInt64(int):
    """An unsigned 64-bit number, for the few parameters that do not take a signed one."""

    def __new__(cls, value: int) -> UInt64:
        if not 0 <= value < 1 << 64:
            raise ValueError(f"{value} does not fit into 64 bits")
        return super().__new__(cls, value)


class Thing(dict[str, Any]):
    """
    An object of the host's: its properties by name (looked up without regard to case, as PowerShell does).

    ``text`` is what its ToString gave, ``types`` the .NET names of its type and of what it derives from, most special
    first, without ``Deserialized.``. A property that the host did not send is None by ``get`` and KeyError by index.
    """

    __slots__ = ("_names", "text", "types")

    def __init__(self, properties: Mapping[str, Any], text: str = "", types: Iterable[str] = ()) -> None:
        super().__init__(properties)
        self.text = text
        self.types = tuple(types)
        self._names = {name.casefold(): name for name in properties}

    def __missing__(self, name: str) -> Any:
        known = self._names.get(name.casefold())
        if known is None:
            raise KeyError(name)
        return super().__getitem__(known)

    def get(self, name: str, default: Any = None) -> Any:
        """The property, or ``default``."""
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.casefold() in self._names

    def __str__(self) -> str:
        return self.text
