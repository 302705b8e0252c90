"""Errors as PowerShell has them: a record with id, category, target and the exception's type."""

from __future__ import annotations

from typing import Any

BINDING = "System.Management.Automation.ParameterBindingException"
VIRTUALIZATION = "Microsoft.HyperV.PowerShell.VirtualizationException"


class Failure(Exception):
    """
    An error record. Raised by a cmdlet it ends the pipeline (or that one input, as ``-ErrorAction`` says).

    ``fqid`` without a comma gets the cmdlet's type behind it, as PowerShell does it. ``category`` is a name of
    ErrorCategory. ``terminating`` errors end the pipeline whatever ``-ErrorAction`` says.
    """

    def __init__(
        self, message: str, fqid: str, category: str = "NotSpecified", target: Any = None,
        kind: str = "System.Management.Automation.RuntimeException", *, terminating: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.message, self.fqid, self.category, self.kind = message, fqid, category, kind
        self.target, self.terminating = target, terminating

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.__dict__)


def _again(kind: type[Failure], state: dict[str, Any]) -> Failure:
    made = kind.__new__(kind)
    Exception.__init__(made, state["message"])
    made.__dict__.update(state)
    return made


class Stopped(Exception):
    """The pipeline was told to stop."""


class Cut(Exception):
    """A rule cuts the line under the caller."""


def virtualization(message: str, fqid: str = "OperationFailed", category: str = "NotSpecified",
                   target: Any = None) -> Failure:  # fmt: skip
    """What the Hyper-V cmdlets fail with."""
    return Failure(message, fqid, category, target, VIRTUALIZATION)


def not_found(path: str, fqid: str = "PathNotFound") -> Failure:
    """Get-Item and its like for a path that is not there."""
    return Failure(
        f"Cannot find path '{path}' because it does not exist.", fqid, "ObjectNotFound", path,
        "System.Management.Automation.ItemNotFoundException",
    )  # fmt: skip


def denied(path: str, fqid: str = "ItemExistsUnauthorizedAccessError") -> Failure:
    """Access to a file refused."""
    return Failure(
        f"Access to the path '{path}' is denied.", fqid, "PermissionDenied", path, "System.UnauthorizedAccessException"
    )
