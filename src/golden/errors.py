"""
Every error a user can meet, as one tree.

    GoldenError               exit   1  golden-bug           unexpected; ours
    + UsageError              exit   2  usage                what was asked for cannot be right
    |   + BadName             exit   2  bad-name             a name golden does not take
    |   + BadConfig           exit   2  bad-config           golden.toml cannot be read
    |   + NotAble             exit   2  not-able             this endpoint lacks the ability
    + ChecksFailed            exit   4  checks-failed        findings that forbid going on
    |   + GuestUnfit          exit   4  guest-unfit          the guest's state forbids it (sealed, deployed, broken)
    + GuestError              exit   5  guest
    |   + ChangeFailed        exit   5  change-failed        a change did not succeed inside the guest
    |   + GuestSilent         exit   5  guest-silent         no agent answers, or it stopped answering
    + GeneralizeFailed        exit   6  generalize-failed    sysprep failed; the cause is named
    + ProofFailed             exit   7  proof-failed         read from outside, it is not what it should be
    + PartlyPublished         exit   8  partly-published     some libraries have it, some do not
    + Conflict                exit   9  conflict             someone else holds or changed it
    |   + JobBusy             exit   9  job-busy             another process writes this reference
    |   + LeaseLost           exit   9  lease-lost           somebody took over while we were away
    |   + Tampered            exit   9  tampered             a frozen version is not what it was
    |   + Leaked              exit   9  leaked               the job ended, but left something behind
    |   + NewerSchema         exit   9  newer-schema         the state folder belongs to a newer golden
    + EndpointError           exit  10  endpoint             the hypervisor said no, or nothing
    |   + Unreachable         exit  10  unreachable          try again later
    |   + Refused             exit  10  refused              rights, quota, room
    |   + StateUnusable       exit  10  state-unusable       the state folder cannot be read or written
    + TimedOut                exit  11  timed-out            a wait reached its limit
    + PolicyRefused           exit  12  policy               a rule of golden's or yours forbids it
    + NotFound                exit  13  not-found            no such reference, version, image, channel, file
    + Interrupted             exit  20  interrupted          stopped half-way; `golden resume` goes on
"""

from __future__ import annotations


class GoldenError(Exception):
    """
    Something went wrong that the reader of the message can act on.

    ``brief`` is one line (what was wanted, what was met), ``details`` the other side's own words,
    ``hint`` what to type next or nothing. ``id`` and ``exit_code`` are stable and documented.
    """

    id = "golden-bug"
    exit_code = 1

    def __init__(self, brief: str, *, details: str | None = None, hint: str | None = None) -> None:
        super().__init__(brief)
        self.brief = brief
        self.details = details
        self.hint = hint


class UsageError(GoldenError):
    """What was asked for cannot be right."""

    id = "usage"
    exit_code = 2


class BadName(UsageError):
    """A name that golden does not take."""

    id = "bad-name"


class BadConfig(UsageError):
    """The configuration cannot be read."""

    id = "bad-config"


class NotAble(UsageError):
    """This endpoint or library lacks the ability."""

    id = "not-able"


class ChecksFailed(GoldenError):
    """Findings that forbid going on."""

    id = "checks-failed"
    exit_code = 4


class GuestUnfit(ChecksFailed):
    """The state of the guest forbids what was asked for."""

    id = "guest-unfit"


class GuestError(GoldenError):
    """Something inside the guest went wrong."""

    id = "guest"
    exit_code = 5


class ChangeFailed(GuestError):
    """A change did not succeed inside the guest."""

    id = "change-failed"


class GuestSilent(GuestError):
    """The way into the guest does not answer, or stopped answering."""

    id = "guest-silent"


class GeneralizeFailed(GoldenError):
    """Generalizing the clone failed."""

    id = "generalize-failed"
    exit_code = 6


class ProofFailed(GoldenError):
    """Read from outside, the disk is not what it should be."""

    id = "proof-failed"
    exit_code = 7


class PartlyPublished(GoldenError):
    """Some libraries have the image and some do not."""

    id = "partly-published"
    exit_code = 8


class Conflict(GoldenError):
    """Someone else holds it, made it, or changed it."""

    id = "conflict"
    exit_code = 9


class JobBusy(Conflict):
    """Another process is writing this reference."""

    id = "job-busy"


class LeaseLost(Conflict):
    """Somebody took the reference over while this process was away."""

    id = "lease-lost"


class Tampered(Conflict):
    """A frozen version is not what it was when it was frozen."""

    id = "tampered"


class Leaked(Conflict):
    """The job has ended, but something it made could not be taken away."""

    id = "leaked"


class NewerSchema(Conflict):
    """The database was written by a newer golden."""

    id = "newer-schema"


class EndpointError(GoldenError):
    """The hypervisor or library said no, or nothing at all."""

    id = "endpoint"
    exit_code = 10


class Unreachable(EndpointError):
    """Nobody answers there now."""

    id = "unreachable"


class Refused(EndpointError):
    """Rights, quota or room forbid it."""

    id = "refused"


class StateUnusable(EndpointError):
    """The state folder cannot be read or written."""

    id = "state-unusable"


class TimedOut(GoldenError):
    """A wait reached its limit."""

    id = "timed-out"
    exit_code = 11


class PolicyRefused(GoldenError):
    """A rule forbids it."""

    id = "policy"
    exit_code = 12


class NotFound(GoldenError):
    """No such thing."""

    id = "not-found"
    exit_code = 13


class Interrupted(GoldenError):
    """Stopped half-way; it can be resumed."""

    id = "interrupted"
    exit_code = 20
