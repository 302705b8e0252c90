"""A capture makes further forms of its image: once, whole, kept and taken away with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from golden.errors import EndpointError, NotAble, UsageError
from golden.procedures.forms import must_keep
from golden.testing.world import ABLE, Fault
from tests.procedures.conftest import Bench


def test_an_image_has_the_forms_that_were_asked_for(bench: Bench) -> None:
    """Beside what the endpoint keeps; doctor and verify find nothing wrong with it."""
    bench.adopt()
    image = bench.capture(forms=("text",))
    assert [form.format for form in image.artifact.forms] == ["qcow2", "text"]
    assert "ref-i1" in Path(image.artifact.forms[1].path or "").read_text("utf-8")
    assert bench.troubles() == []


def test_unknown_forms_are_refused_before_anything_starts(bench: Bench) -> None:
    """The guest's family says what it makes."""
    bench.adopt()
    with pytest.raises(UsageError, match="'wim'"):
        bench.capture(forms=("wim",))
    assert bench.project.catalog.images("ref") == []


@pytest.mark.parametrize("lacking", ["keeps_forms", "open_disk"])
def test_an_endpoint_that_keeps_no_files_here_is_refused(lacking: str) -> None:
    """Asked before anything starts; the hint names where a WIM is made otherwise."""
    must_keep(ABLE)
    with pytest.raises(NotAble, match="keeps images elsewhere") as met:
        must_keep(replace(ABLE, **{lacking: False}))
    assert "wds:" in (met.value.hint or "")


def test_a_form_that_fails_costs_the_image_and_leaves_nothing(bench: Bench) -> None:
    """What was asked for is one thing: an image without it is not recorded."""
    bench.adopt()
    bench.world.add_faults(Fault("add_form"))
    with pytest.raises(EndpointError):
        bench.capture(forms=("text",))
    assert bench.project.catalog.images("ref") == []
    assert list(bench.folder.glob("world.golden-*.image")) == []
    assert bench.troubles() == []
    assert bench.capture(forms=("text",)).number == 1
