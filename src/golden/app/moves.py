"""Acts too small for a job, and looks at what jobs did: one thin function a use case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from golden.app.names import Target, image_of, new_channel, version_of
from golden.app.project import Project
from golden.app.reading import image_told as _image_told
from golden.app.reading import version_told as _version_told
from golden.codec import plain
from golden.errors import BadConfig, GoldenError, NotFound, UsageError
from golden.jobs import JobRecord, entries, holder, record, records
from golden.model import AdoptOrder, Candidate, ChangesDone, Channel, Image, Reference, Version
from golden.provider import Endpoint
from golden.settings import PASSWORD_IN_URL
from golden.waiting import Watcher


def promote(project: Project, target: Target, channel: str) -> Channel:
    """Point a channel at an image."""
    from golden.procedures import channels

    image = image_of(target, project.catalog)
    return channels.promote(project.catalog, target.reference, image.number, new_channel(channel))


def roll_back_channel(project: Project, reference: str, channel: str) -> Channel:
    """Point a channel at the image it named before."""
    from golden.procedures import channels

    return channels.roll_back_channel(project.catalog, reference, new_channel(channel))


def roll_back_head(project: Project, target: Target) -> Reference:
    """The next update starts from an earlier version: the one named, or the parent of the head."""
    from golden.procedures import channels

    number = version_of(target, project.catalog).number if target.selector else None
    project.catalog.reference(target.reference)
    return channels.roll_back_head(project.catalog, target.reference, number)


def at_version(target: Target, number: int | None, option: str) -> Target:
    """The address with a version said apart from it, as typed. UsageError where both are said and differ."""
    if number is None:
        return target
    if target.selector not in ("", f"v{number}"):
        raise UsageError(f"@{target.selector} and {option} say different things")
    return Target(target.reference, f"v{number}")


def examine(project: Project, order: AdoptOrder, watcher: Watcher) -> tuple[Candidate, int | None]:
    """
    What adopting would take, refused as the job would refuse it, and the bytes free there.

    Where nothing was ever recorded, nothing is: it is looked at from a state folder that goes again.
    """
    from golden.app.run import refuse_unfinished
    from golden.procedures import adopt

    if project.exists():
        refuse_unfinished(project, order.reference)
    with _looking(project) as looked, looked.shop(order.endpoint, order.reference, "look", watcher) as shop:
        return adopt.examine(shop, order), shop.hypervisor.free_space()


@contextmanager
def _looking(project: Project) -> Iterator[Project]:
    if project.exists():
        yield project
        return
    with (
        TemporaryDirectory(prefix="golden-look-") as folder,
        closing(Project(replace(project.settings, state=Path(folder)), write=True)) as looked,
    ):
        yield looked


def told(candidate: Candidate, free: int | None) -> dict[str, Any]:
    """A candidate for programs."""
    return {**plain(candidate), "free": free}


def version_told(version: Version) -> dict[str, Any]:
    """A version just made, as ``show`` tells it."""
    return _version_told(plain(version))


def image_told(project: Project, image: Image) -> dict[str, Any]:
    """An image just made, as ``show`` tells it."""
    published = [plain(one) for one in project.catalog.publications(image.reference, image.number)]
    return {**_image_told(plain(image)), "publications": published}


def warned(project: Project, job: str) -> list[dict[str, Any]]:
    """What libraries warned of while a job published, by library: for whoever deploys its images."""
    from golden.procedures.publish import WARNINGS

    kept = [e for e in entries(project.database, job) if e.kind == "done" and e.name.startswith(WARNINGS)]
    return [{"library": e.name.removeprefix(WARNINGS), **plain(one)} for e in kept for one in e.value]


def not_taken(project: Project, job: str) -> list[dict[str, Any]]:
    """What an adoption warned of: parts of the user's machine that golden's does not have."""
    from golden.model import Severity

    looked = [e.value for e in entries(project.database, job) if e.kind == "done" and e.name == "examine"]
    return [plain(one) for candidate in looked for one in candidate.problems if one.severity is Severity.WARNING]


def told_plainly(noun: Any) -> Any:
    """Any noun for programs."""
    return plain(noun)


def jobs(project: Project) -> list[dict[str, Any]]:
    """Every job there ever was, oldest first; ``running`` says whether a live process holds it."""
    return [_job(project, one) for one in records(project.database)]


def job_log(project: Project, job: str | None) -> dict[str, Any]:
    """One job's whole record, and the logs it kept: the newest job where none is named. NotFound."""
    if job is None:
        every = records(project.database)
        if not every:
            raise NotFound("no job was ever run here", hint="golden adopt NAME --from disk.qcow2")
        job = every[-1].id
    found = record(project.database, job)
    lines = [{"attempt": e.attempt, "kind": e.kind, "name": e.name, "at": e.at} for e in entries(project.database, job)]
    kept = {"entries": lines, "notes": notes(project, job), "logs": kept_logs(project, job)}
    return {**_job(project, found), "order": plain(found.order), **kept}


def notes(project: Project, job: str) -> list[str]:
    """What changes remarked when they were applied, e.g. that a driver is staged and no device of it is present."""
    said = [e.value for e in entries(project.database, job) if e.kind == "done" and e.name == "changes"]
    last = said[-1] if said else None
    return list(last.notes) if isinstance(last, ChangesDone) else []


def kept_logs(project: Project, job: str) -> list[dict[str, Any]]:
    """The files a job kept: outputs of changes, sysprep's logs, pictures of the console."""
    folder = project.logs(job)
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    return [
        {"name": path.relative_to(folder).as_posix(), "path": str(path.absolute()), "size": path.stat().st_size}
        for path in files
    ]


def log_text(path: Path, most: int = 20_000) -> str | None:
    """The end of a log as text, whatever it is written in; None where it is no text (a picture)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - most))
        data = file.read()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return None if b"\0" in data else data.decode("utf-8", "replace")


def _job(project: Project, found: JobRecord) -> dict[str, Any]:
    running = found.state == "open" and holder(project.database, found.id) is not None
    return {
        "id": found.id,
        "procedure": found.procedure,
        "reference": found.reference,
        "state": found.state,
        "running": running,
        "created": found.created,
        "ended": found.ended,
        "problem": found.problem,
    }


def only_name(target: Target) -> str:
    """The reference of an address that may name nothing within it. UsageError otherwise."""
    if target.selector:
        raise UsageError(f"this takes a whole reference: {target.reference}, without @{target.selector}")
    return target.reference


def prune_told(reference: str, versions: tuple[Version, ...], images: tuple[Image, ...]) -> dict[str, Any]:
    """What a prune would take, with sizes in bytes."""
    gone = [{"number": one.number, "size": sum(disk.size for disk in one.disks)} for one in versions]
    old = [{"number": one.number, "size": sum(form.size for form in one.artifact.forms)} for one in images]
    return {"reference": reference, "versions": gone, "images": old, "size": sum(one["size"] for one in gone + old)}


def assert_opens(noun: str, name: str, url: str) -> None:
    """Somebody opens URLs like this one. BadConfig or NotAble otherwise; nothing is connected to."""
    from golden import plugins

    if PASSWORD_IN_URL.match(url):
        hint = f"leave it out; in golden.toml password_file or password_env says where the {noun}'s is read"
        raise BadConfig(f"the URL of {name} holds a password, and golden keeps none", hint=hint)
    place = Endpoint(name, url)
    plugins.assert_url(plugins.provider(place) if noun == "endpoint" else plugins.library_factory(place), place)


def selftest(
    project: Project, endpoint: str, where: str, os_name: str, watcher: Watcher, guest: str = ""
) -> tuple[Any, ...]:
    """
    Every promise of the provider contract, tried on an endpoint with a small machine of the user's.

    ``guest`` names the reference whose account logs into that machine; else that of the only one in golden.toml. Where
    the provider has a place of its own for a trial, it is tried there.
    """
    from golden import plugins
    from golden.app.orders import origin_of
    from golden.provider import Scope
    from golden.testing.contract import Result, run_contract
    from golden.testing.endpoint_bench import EndpointBench

    place = _with_account(project, endpoint, guest)
    scope = Scope("selftest", project.settings.state, watcher)
    results: tuple[Result, ...] = ()
    try:
        with plugins.scratch(place, scope) as found:
            bench = EndpointBench(found, project.settings.state, origin_of(where, os=os_name), os_name)
            results = run_contract(bench, watcher)
    except GoldenError as error:
        if not results:
            raise
        sentence = "The place of the trial goes with it."
        results = (*results, Result("the_place_goes", sentence, kept=False, seconds=0.0, words=error.brief))
    return results


def _with_account(project: Project, endpoint: str, guest: str) -> Endpoint:
    """The endpoint, told whose account logs into guests. NotFound for a section that golden.toml has not."""
    guests = project.settings.guests
    if guest and guest not in guests:
        raise NotFound(
            f"golden.toml has no [references.{guest}.guest]",
            details=f"there are {', '.join(guests)}" if guests else "there are none",
            hint="account and password_file of the machine's guest, in such a section",
        )
    with_account = [name for name, one in guests.items() if "account" in one]
    only = with_account[0] if len(with_account) == 1 else ""
    return project.with_guest(project.settings.endpoint(endpoint), guest or only)
