"""SOAP as vSphere speaks it: one call read, answers and faults written."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

VIM = "urn:vim25"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
TYPE = f"{{{XSI}}}type"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<soapenv:Envelope xmlns:soapenv="{SOAP}" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="{XSI}">'
    "<soapenv:Body>"
)
TAIL = "</soapenv:Body></soapenv:Envelope>"

ET.register_namespace("xsi", XSI)


def tag(name: str) -> str:
    """A name in vSphere's namespace, as ElementTree writes it."""
    return f"{{{VIM}}}{name}"


@dataclass(frozen=True)
class Call:
    """One method call: what it is called on and what it was given."""

    method: str
    kind: str
    this: str
    body: ET.Element

    @classmethod
    def read(cls, data: bytes) -> Call:
        """The call in an envelope; ValueError where there is none."""
        try:
            body = ET.fromstring(data).find(f"{{{SOAP}}}Body")
        except ET.ParseError as error:
            raise ValueError(f"not XML: {error}") from None
        if body is None or not len(body):
            raise ValueError("no SOAP body")
        call = body[0]
        this = call.find(tag("_this"))
        kind, moid = ("", "") if this is None else (this.get("type", ""), this.text or "")
        return cls(call.tag.split("}")[-1], kind, moid, call)

    @classmethod
    def of(cls, text: str) -> Call:
        """A call of our own."""
        return cls.read(envelope(text))

    def text(self, path: str, default: str = "") -> str:
        """The text of a leaf, by a path of names with slashes."""
        found = self.find(path)
        return default if found is None else found.text or ""

    def find(self, path: str) -> ET.Element | None:
        """A part of what was given."""
        return self.body.find("/".join(tag(name) for name in path.split("/")))

    def all(self, path: str) -> list[ET.Element]:
        """All parts with this path."""
        return self.body.findall("/".join(tag(name) for name in path.split("/")))


class Fault(Exception):
    """A fault of vSphere's: its type and its leaves; a list of one leaf is repeated."""

    def __init__(self, kind: str, detail: Mapping[str, Any] | None = None, message: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = dict(detail or {})
        self.message = message or kind

    @classmethod
    def of(cls, met: Refused) -> Fault:
        """The fault that somebody else answered with."""
        detail: dict[str, Any] = {}
        for each in () if met.detail is None else met.detail:
            kind = each.get("type")
            detail[each.tag.split("}")[-1]] = (kind, each.text or "") if kind else each.text or ""
        return cls(met.kind or "SystemError", detail, met.message)

    def leaves(self) -> str:
        """The fault's own properties as XML; a managed object is (type, moid)."""
        return "".join(leaf(name, value) for name, value in self.detail.items())


def leaf(name: str, value: Any) -> str:
    """One property as XML: text, number, truth, (type, moid) or a list of them."""
    if isinstance(value, list):
        return "".join(leaf(name, each) for each in value)
    if isinstance(value, tuple):
        return f'<{name} type="{value[0]}">{escape(value[1])}</{name}>'
    if isinstance(value, bool):
        return f"<{name}>{str(value).lower()}</{name}>"
    return f"<{name}>{escape(str(value))}</{name}>"


def answer(method: str, inner: str) -> bytes:
    """An envelope with the answer to a method."""
    return f'{HEAD}<{method}Response xmlns="{VIM}">{inner}</{method}Response>{TAIL}'.encode()


def refusal(fault: Fault) -> bytes:
    """An envelope with a fault; HTTP says 500 to it."""
    return (
        f"{HEAD}<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{escape(fault.message)}</faultstring>"
        f'<detail><{fault.kind}Fault xmlns="{VIM}" xsi:type="{fault.kind}">'
        f"{fault.leaves()}</{fault.kind}Fault></detail>"
        f"</soapenv:Fault>{TAIL}"
    ).encode()


def envelope(inner: str) -> bytes:
    """An envelope around one call."""
    return f"{HEAD}{inner}{TAIL}".encode()


def reference(element: ET.Element | None) -> tuple[str, str]:
    """Type and moid of a managed object's reference."""
    return ("", "") if element is None else (element.get("type", ""), element.text or "")


@dataclass
class Refused:
    """What the simulator said no with."""

    message: str
    kind: str
    detail: ET.Element | None = field(default=None, repr=False)


def refused(data: bytes) -> Refused | None:
    """The fault in an answer; None where it is none."""
    found = ET.fromstring(data).find(f".//{{{SOAP}}}Fault")
    if found is None:
        return None
    detail = found.find("detail")
    inner = detail[0] if detail is not None and len(detail) else None
    kind = "" if inner is None else inner.get(TYPE, "").split(":")[-1]
    return Refused(found.findtext("faultstring") or "", kind, inner)
