"""The linter: a file in; remarks in the order of its lines, and what OOBE will do, out."""

from __future__ import annotations

from golden.windows.answers import oobe, rules_capture, rules_settings, rules_shape
from golden.windows.answers.document import Document, Unreadable, content_of, parse
from golden.windows.answers.oobe import Verdict
from golden.windows.answers.rules import ERROR, Aim, Remark


class Report:
    """What was found in one file; without verdicts where it cannot be read."""

    __slots__ = ("remarks", "verdicts")

    def __init__(self, remarks: list[Remark], verdicts: list[Verdict]) -> None:
        """``remarks`` by line."""
        self.remarks = remarks
        self.verdicts = verdicts

    @property
    def errors(self) -> list[Remark]:
        """Those that stop a capture."""
        return [one for one in self.remarks if one.severity == ERROR]


def lint_file(path: str, aim: Aim) -> Report:
    """The same for a file. OSError where it cannot be opened."""
    try:
        content = content_of(path)
    except Unreadable as error:
        return _unreadable(error)
    return lint(content, aim)


def lint(content: bytes, aim: Aim) -> Report:
    """Everything that can be said of an answer file; never an error of Python's, whatever the bytes are."""
    try:
        document = parse(content)
    except Unreadable as error:
        return _unreadable(error)
    shape = list(rules_shape.frame(document))
    if any(one.rule == "answer.root" for one in shape):
        return Report(shape, [])
    return _judged(document, content, shape, aim)


def _judged(document: Document, content: bytes, remarks: list[Remark], aim: Aim) -> Report:
    parts = rules_shape.parts(document)
    remarks += rules_shape.passes(document, aim)
    remarks += rules_shape.every_component(parts, aim)
    remarks += rules_settings.every_setting(parts)
    remarks += rules_settings.names_of_computer(parts)
    remarks += rules_settings.used_copy(document, content)
    remarks += rules_capture.capturing(parts, aim)
    verdicts = oobe.verdicts(document, parts, aim)
    remarks += oobe.remarks(verdicts)
    remarks.sort(key=lambda one: (one.line or 0, one.column or 0))
    return Report(remarks, verdicts)


def _unreadable(error: Unreadable) -> Report:
    return Report([Remark(error.rule, error.sentence, error.fix, error.place)], [])
