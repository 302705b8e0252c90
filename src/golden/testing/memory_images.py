"""
The images of the in-memory hypervisor: files beside the world's, recorded in it.

Making and destroying pass through states that are half there, with a crash point before and after each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from golden.errors import Conflict, NotAble, NotFound, Tampered
from golden.model import Artifact, Form, Machine, Mark
from golden.provider import Abilities
from golden.testing import records
from golden.testing.world import Raw, World
from golden.waiting import Silent, Watcher


class MemoryImages:
    """What a connection to a world does about images."""

    def __init__(self, world: World, watcher: Watcher | None = None) -> None:
        """Unreachable where the world's file is not there."""
        self._world = world
        self._watcher = watcher or Silent()
        raw = dict(world.read()["settings"]["abilities"])
        raw["forms"], raw["networks"] = tuple(raw["forms"]), tuple(raw["networks"])
        self._abilities = Abilities(**raw)

    @property
    def abilities(self) -> Abilities:
        """As written in the world when the connection was opened."""
        return self._abilities

    def capture(self, name: str, machine: Machine, mark: Mark) -> Artifact:
        """Passes through half there, without forms. The form is a file beside the world's."""
        with self._world.faulty("capture", name):
            if not self._abilities.forms:
                raise NotAble("this endpoint captures nothing")
            with self._world.change(f"capture {name} begins") as world:
                records.check(name)
                if name in world["images"]:
                    raise Conflict(f"an image {name} exists")
                raw = records.must_be_off(world, machine, "captured")
                world["serial"] += 1
                image: Raw = {
                    "id": f"i-{world['serial']}",
                    "settled": False,
                    "mark": asdict(mark),
                    "forms": [],
                }
                world["images"][name] = image
            content = records.canonical(raw["disk"])
            path = self._image_path(name)
            path.write_bytes(content)
            form = Form(self._abilities.forms[0], str(path), len(content), hashlib.sha256(content).hexdigest())
            with self._world.change(f"capture {name} ends") as world:
                if name not in world["images"]:
                    raise Conflict(f"image {name} was taken away while it was made")
                world["images"][name] |= {"settled": True, "forms": [asdict(form)]}
            return Artifact(image["id"], name, (form,))

    def find_image(self, name: str) -> Artifact | None:
        """Without forms while it is half made."""
        with self._world.faulty("find_image", name):
            raw = self._world.read()["images"].get(name)
            return None if raw is None else Artifact(raw["id"], name, tuple(Form(**form) for form in raw["forms"]))

    def discard_image(self, artifact: Artifact) -> None:
        """File first, record after it, so that nothing is left that no record names."""
        with self._world.faulty("discard_image", artifact.name):
            raw = self._world.read()["images"].get(artifact.name)
            if raw is None or raw["id"] != artifact.id:
                return
            self._image_path(artifact.name).unlink(missing_ok=True)
            for form in raw["forms"][1:]:
                Path(form["path"]).unlink(missing_ok=True)
            with self._world.change(f"discard image {artifact.name}") as world:
                world["images"].pop(artifact.name, None)

    def add_form(self, artifact: Artifact, form: str, make: Callable[[Path], Path]) -> Artifact:
        """A file beside the image's."""
        with self._world.faulty("add_form", artifact.name):
            self.content_of(artifact)  # it is there and whole
            met = self.find_image(artifact.name)
            assert met is not None
            if any(one.format == form for one in met.forms):
                return met
            path = self._image_path(f"{artifact.name}.{form}")
            with TemporaryDirectory() as folder:
                content = make(Path(folder)).read_bytes()
            path.write_bytes(content)
            made = Form(form, str(path), len(content), hashlib.sha256(content).hexdigest())
            with self._world.change(f"add the {form} of {artifact.name}") as world:
                world["images"][artifact.name]["forms"].append(asdict(made))
            return Artifact(met.id, met.name, (*met.forms, made))

    def content_of(self, image: Artifact) -> bytes:
        """The bytes of a finished image. Tampered where they are not what was captured."""
        raw = self._world.read()["images"].get(image.name)
        if raw is None or raw["id"] != image.id:
            raise NotFound(f"no image {image.name}")
        if not raw["settled"]:
            raise Conflict(f"image {image.name} is half made")
        content = self._image_path(image.name).read_bytes()
        if hashlib.sha256(content).hexdigest() != raw["forms"][0]["sha256"]:
            raise Tampered(f"image {image.name} is not what was captured")
        return content

    def _image_path(self, name: str) -> Path:
        return self._world.path.absolute().with_name(f"{self._world.path.name}.{name}.image")
