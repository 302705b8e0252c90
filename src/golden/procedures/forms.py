"""Further forms of a captured image: made by the guest's family from the image's disk, kept with the image."""

from __future__ import annotations

from typing import cast

from golden.errors import NotAble
from golden.model import Artifact, CaptureOrder
from golden.procedures.shop import Shop
from golden.provider import Abilities, FormKeeper


def further_forms(shop: Shop, artifact: Artifact, order: CaptureOrder) -> Artifact:
    """The image with every form that was asked for; one that an earlier attempt made is not made again."""
    if not order.forms:
        return artifact
    must_keep(shop.hypervisor.abilities)
    keeper = cast(FormKeeper, shop.hypervisor)
    family = shop.families(shop.catalog.reference(order.reference).os)
    for form in order.forms:
        make = family.form_maker(form)
        shop.watcher.doing(f"making the {form} of the image")
        with shop.hypervisor.open_disk(artifact) as disk:
            title = f"{order.reference}-i{order.number}"
            artifact = keeper.add_form(artifact, form, lambda folder: make(disk, folder, title))  # noqa: B023
    return artifact


def must_keep(able: Abilities) -> None:
    """NotAble where the endpoint keeps no further forms."""
    if not (able.keeps_forms and able.open_disk):
        raise NotAble(
            "further forms are made where golden has an image's disk, and this endpoint keeps images elsewhere",
            hint="leave --form out; the libraries wds:, mdt: and configmgr: of Hyper-V make a WIM on their host",
        )
