"""
What exists, for people and programs. Nothing here opens a hypervisor or imports more than SQLite and the nouns;
``status`` does without the nouns too, because it is asked most often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from golden.app.project import Project

if TYPE_CHECKING:
    from golden.app.names import Target

_OVERVIEW = """
SELECT r.name, r.os, r.endpoint, r.created, r.head,
       coalesce(v.count, 0), coalesce(v.size, 0), v.last, h.state
FROM reference r
LEFT JOIN (SELECT reference, count(*) AS count, sum(size) AS size, max(created) AS last
           FROM version INDEXED BY version_overview GROUP BY reference) v ON v.reference = r.name
LEFT JOIN version h ON h.reference = r.name AND h.number = r.head
ORDER BY r.name
"""


def status(project: Project) -> dict[str, Any]:
    """Every reference with its head, numbers, channels, and the jobs that are not over."""
    if not project.exists():
        return {"references": [], "jobs": []}
    rows = project.database.rows
    images = {
        name: (count, size, last)
        for name, count, size, last in rows(
            "SELECT reference, count(*), sum(size), max(number) FROM image GROUP BY reference"
        )
    }
    channels: dict[str, dict[str, int]] = {}
    for name, channel, image in rows("SELECT reference, name, image FROM channel ORDER BY name"):
        channels.setdefault(name, {})[channel] = image
    jobs = open_jobs(project)
    references = []
    for name, os, endpoint, created, head, count, size, last, state in rows(_OVERVIEW):
        made, image_size, newest = images.get(name, (0, 0, None))
        references.append(
            {
                "name": name,
                "head": head,
                "state": state,
                "os": os,
                "endpoint": endpoint,
                "versions": count,
                "images": made,
                "latest_image": newest,
                "channels": channels.get(name, {}),
                "size": size + image_size,
                "created": created,
                "changed": last or created,
                "jobs": [job["id"] for job in jobs if job["reference"] == name],
            }
        )
    return {"references": references, "jobs": jobs}


def open_jobs(project: Project) -> list[dict[str, Any]]:
    """Jobs that are not over; ``running`` says whether a live process holds them."""
    found = project.database.rows(
        "SELECT j.id, j.procedure, j.reference, j.created, j.problem, l.owner, l.expires "
        "FROM job j LEFT JOIN lease l ON l.job = j.id WHERE j.state = 'open' ORDER BY j.created"
    )
    return [_job(*row) for row in found]


def _job(
    id_: str, procedure: str, reference: str, created: str, problem: str | None, owner: str | None, _expires: float
) -> dict[str, Any]:
    import json

    running = False
    if owner is not None:
        from golden.jobs import holder_is_alive  # psutil; only where something seems to run

        running = holder_is_alive(owner, _expires)
    return {
        "id": id_,
        "procedure": procedure,
        "reference": reference,
        "created": created,
        "running": running,
        "problem": json.loads(problem) if problem else None,
    }


def log(project: Project, text: str | None) -> dict[str, Any]:
    """
    One reference's lineage: versions, images, channels and publications, oldest first; of an address within it only the
    version that is meant and its ancestors. NotFound where there is none.
    """
    from golden.app.ledger import ledger
    from golden.app.names import parse, version_of
    from golden.codec import plain

    catalog = project.catalog
    target = parse(text, project.settings, catalog)
    reference = catalog.reference(target.reference)
    publications = catalog.publications(reference.name)
    versions, captured = catalog.versions(reference.name), catalog.images(reference.name)
    told = {one.number for one in versions}
    if target.selector:
        told = _descent(version_of(target, catalog).number, {one.number: one.parent for one in versions})
    images = []
    for image in captured:
        if image.version not in told:
            continue
        published = [plain(p) for p in publications if p.image == image.number]
        images.append({**image_told(plain(image)), "publications": published})
    channels = catalog.channels(reference.name)
    if target.selector:
        shown = {image["number"] for image in images}
        channels = [one for one in channels if one.image in shown]
    return {
        "reference": plain(reference),
        "rearm": ledger(reference.os, reference.head, versions, captured),
        "versions": [version_told(plain(version)) for version in versions if version.number in told],
        "images": images,
        "channels": [plain(one) for one in channels],
    }


def _descent(number: int, parents: dict[int, int | None]) -> set[int]:
    """A version and its ancestors, as far as they are there."""
    found = {number}
    while (parent := parents[number]) is not None and parent in parents:
        found.add(number := parent)
    return found


def show(project: Project, text: str | None) -> tuple[str, dict[str, Any]]:
    """("version" | "image", one of them whole): an image where the address names one or a channel."""
    from golden.app.ledger import licence, rearm_of
    from golden.app.names import is_image, parse, version_of
    from golden.codec import plain

    catalog = project.catalog
    target = parse(text, project.settings, catalog)
    if not is_image(target):
        version = version_of(target, catalog)
        told = version_told(plain(version))
        images = catalog.images(version.reference)
        told["images"] = [i.number for i in images if i.version == version.number]
        told["licence"] = licence(version.facts, rearm_of(version, images), sealed=False)
        return "version", told
    return "image", _image(project, target)


def resolve(project: Project, text: str | None) -> dict[str, Any]:
    """An image by channel, number or "latest", with where to get it: what Terraform and scripts ask for."""
    from golden.app.names import parse

    return _image(project, parse(text, project.settings, project.catalog))


def version_told(version: dict[str, Any]) -> dict[str, Any]:
    """
    A version as people and programs want it: its state at the top; a file that is not on this computer has no path but
    a ``url``, which is what its endpoint calls it.
    """
    disks = [
        {**disk, "path": disk["path"] if disk["local"] else None, "url": None if disk["local"] else disk["path"]}
        for disk in version["disks"]
    ]
    return {**version, "disks": disks, "state": version["facts"]["state"]}


def image_told(image: dict[str, Any]) -> dict[str, Any]:
    """An image with its forms at the top."""
    artifact = image.pop("artifact")
    return {**image, "name": artifact["name"], "forms": artifact["forms"], "state": image["proof"]["facts"]["state"]}


def _image(project: Project, target: Target) -> dict[str, Any]:
    from golden.app.ledger import licence
    from golden.app.names import image_of
    from golden.codec import plain

    image = image_of(target, project.catalog)
    published = [plain(p) for p in project.catalog.publications(image.reference, image.number)]
    channels = [c.name for c in project.catalog.channels(image.reference) if c.image == image.number]
    meaning = []
    if image.seal == "sysprep":
        meaning = licence(image.proof.facts, image.rearm, sealed=True, before=image.rearm_before)
    return {**image_told(plain(image)), "publications": published, "channels": channels, "licence": meaning}
