"""What came of looking whether a guest can be generalized."""

from __future__ import annotations

from dataclasses import dataclass

from golden.model.artifact import SealProof
from golden.model.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of looking at a guest: what was found, and which checks were made or could not be."""

    findings: tuple[Finding, ...] = ()
    made: tuple[str, ...] = ()
    """Ids of the checks that were made, with or without a finding."""
    unmade: tuple[tuple[str, str], ...] = ()
    """(id, why) of checks that could not be made: never passed over in silence."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that stop."""
        return tuple(one for one in self.findings if one.severity is Severity.ERROR)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of ``golden check``."""

    subject: str
    """e.g. win2022@v3, or a disk's path."""
    checked: Checked
    """After the fixes, where there were any."""
    ways: tuple[str, ...]
    """How it was looked at: offline (the powered-off disk), online (the running guest)."""
    seal: str
    """sysprep | linux | none"""
    fixed: tuple[str, ...] = ()
    """What was fixed in the throw-away clone, as sentences."""
    proof: SealProof | None = None
    """Of a rehearsal: the clone really was generalized, and this is how that was proved."""
    stand_in: bool = False
    """True where the guest is golden's stand-in for tests and the demo."""
