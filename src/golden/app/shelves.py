"""Looking into a library: what it takes, what it warns of, and what is published there, as it tells itself."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from golden import plugins
from golden.app.project import Project
from golden.codec import plain
from golden.library import Followed, LibraryAbilities
from golden.options import split
from golden.provider import Endpoint, Scope
from golden.waiting import Watcher


def lies_on(library: Endpoint) -> str:
    """The endpoint that a library is reached by; empty where it names none. BadConfig for no URL."""
    return split(library, "")[2].get("endpoint", "")


def abilities(project: Project, name: str, watcher: Watcher) -> LibraryAbilities:
    """What a library takes. NotFound where golden.toml has none of that name; whatever opening it raises."""
    scope = Scope("look", project.settings.state, watcher, project.settings.endpoint)
    with closing(plugins.open_library(project.settings.library(name), scope, project.settings.base)) as library:
        return library.abilities


def published(project: Project, name: str, watcher: Watcher) -> dict[str, Any]:
    """The library by name, for programs. NotFound where golden.toml has none; whatever opening it raises."""
    place = project.settings.library(name)
    scope = Scope("look", project.settings.state, watcher, project.settings.endpoint)
    with closing(plugins.open_library(place, scope, project.settings.base)) as library:
        able = library.abilities
        found = sorted(library.list(), key=lambda one: (one.reference, one.image))
        followers = [library.followers_of(one) if isinstance(library, Followed) else () for one in found]
    return {
        "name": name,
        "url": place.url,
        "forms": list(able.forms),
        "seals": list(able.seals),
        "versioned": able.versioned,
        "on_its_side": list(able.on_its_side),
        "warnings": [{"seal": seal, **plain(finding)} for seal, finding in able.warnings],
        "publications": [
            {**plain(one), "followers": [plain(follower) for follower in those]}
            for one, those in zip(found, followers, strict=True)
        ],
    }
