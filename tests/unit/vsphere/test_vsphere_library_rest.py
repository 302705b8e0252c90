"""Requests in both of vCenter's forms, what its errors mean, and notes that are only whose they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golden.errors import Conflict, EndpointError, GoldenError, NotAble, NotFound, Refused, Unreachable
from golden.model import Publication
from golden_vsphere import publishing
from golden_vsphere.content_items import Item, fingerprint, reasons
from golden_vsphere.faults import LostAnswer
from golden_vsphere.publishing import MARK, Note
from golden_vsphere.rest import Call, Problem, absent_is_none, insisted, understood

MADE = Publication("ref", 3, "shelf", "ref-i3-x", "vsphere-template", "key", "/DC0/vm/ref", "", 1, "2026-01-01")


def test_an_item_is_found_in_both_forms() -> None:
    """Wrapped and with a tilde in the old one, bare in the new one."""
    body = {"name": "a", "library_id": "1"}
    call = Call("POST", "content/library/item", action="find", body=body, wrapped="spec")
    assert call.url(old=True) == "/rest/com/vmware/content/library/item"
    assert (call.params(old=True), call.json(old=True)) == ({"~action": "find"}, {"spec": body})
    assert call.url(old=False) == "/api/content/library/item"
    assert (call.params(old=False), call.json(old=False)) == ({"action": "find"}, body)


def test_ids_are_marked_in_the_old_form_only_and_quoted() -> None:
    """Template items are newer, and bare below /rest too."""
    call = Call("GET", "content/library/item/{}", ("a/b",))
    assert (call.url(old=True), call.url(old=False)) == (
        "/rest/com/vmware/content/library/item/id:a%2Fb",
        "/api/content/library/item/a%2Fb",
    )
    out = Call("POST", "vcenter/vm-template/library-items/{}/check-outs/{}", ("1", "vm-2"), "check-in", {}, "spec")
    assert out.url(old=True) == "/rest/vcenter/vm-template/library-items/1/check-outs/vm-2"
    assert (out.params(old=True), out.json(old=True)) == ({"action": "check-in"}, {"spec": {}})


def test_a_client_token_is_in_the_body_or_in_the_query() -> None:
    """By the form."""
    call = Call("POST", "vcenter/ovf/library-item", body={"source": {}}, token="t")
    assert (call.json(old=True), call.params(old=True)) == ({"source": {}, "client_token": "t"}, {})
    assert (call.json(old=False), call.params(old=False)) == ({"source": {}}, {"client_token": "t"})


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("not_found", NotFound),
        ("already_exists", Conflict),
        ("unauthorized", Refused),
        ("not_allowed_in_current_state", Conflict),
        ("operation_not_found", NotAble),
        ("something_new", EndpointError),
    ],
)
def test_problems_become_goldens_errors(kind: str, error: type[GoldenError]) -> None:
    """With vCenter's words as details."""
    with pytest.raises(error, match="publishing x") as caught, understood("publishing x"):
        raise Problem(kind, "The words.")
    assert caught.value.details == f"{kind}: The words."


def test_a_lost_answer_is_unreachable() -> None:
    """Nobody knows whether it was done, and it says so."""
    with pytest.raises(Unreachable, match="answer was lost"), understood("publishing x"):
        raise LostAnswer


def test_once_more_and_not_twice() -> None:
    """What was lost twice is lost; what is absent is None, other problems are told."""
    asked: list[int] = []

    def lost() -> None:
        asked.append(1)
        raise LostAnswer

    with pytest.raises(LostAnswer):
        insisted(lost)
    assert len(asked) == 2

    def problem(kind: str) -> None:
        raise Problem(kind, "")

    assert absent_is_none(lambda: problem("not_found")) is None
    with pytest.raises(Problem):
        absent_is_none(lambda: problem("error"))


def test_what_did_not_succeed_says_why() -> None:
    """vCenter's words inside an answer that says 200; whatever the answer looks like."""
    error = {"errors": [{"error": {"messages": [{"default_message": "no room"}]}}, {"issues": [{"message": "a cpu"}]}]}
    assert reasons(error) == "no room; a cpu"
    assert reasons(None) == reasons({}) == reasons({"errors": [{}]}) == "it says no more"


def test_a_note_is_read_back_from_a_text_for_people() -> None:
    """And from nothing else."""
    note = Note(MADE, "00ff", whose="item", proof="p")
    assert publishing.read(note.text()) == note
    assert publishing.read(f"Some words: [{{\n{MARK}{note.text()}") == note
    assert publishing.read("mine") is None
    assert publishing.read(f"{MARK}{{}}") is None
    assert publishing.read(f"{MARK}[1]") is None
    assert publishing.read(note.text()[:-2]) is None


@given(st.text())
def test_no_text_breaks_reading_notes(text: str) -> None:
    """Anybody may write anything into a description."""
    assert publishing.read(text) is None
    assert publishing.read(MARK + text) is None


@given(
    st.from_regex(r"[a-z0-9][a-z0-9._-]{0,62}", fullmatch=True), st.integers(1, 10**6), st.text(min_size=1, max_size=40)
)
def test_a_name_fits_and_ends_with_its_key(reference: str, number: int, key: str) -> None:
    """vSphere takes 80 characters."""
    from golden.testing.library_contract import sample

    name = publishing.name_of(sample(reference, number, "vsphere-template", "none"), key)
    assert len(name) <= publishing.LONGEST
    assert name.endswith(f"-i{number}-{publishing.short(key)}")


def test_another_content_is_another_fingerprint() -> None:
    """Version, name, size, and checksum count; the order that vCenter tells them in does not."""
    item = Item("1", "a", "ovf", "", "1")
    one = {"name": "a.vmdk", "size": 1, "checksum_info": {"checksum": "x"}}
    two = {"name": "a.ovf", "size": 2}
    base = fingerprint(item, [one, two])
    assert fingerprint(item, [two, one]) == base
    others = [
        fingerprint(Item("1", "a", "ovf", "", "2"), [one, two]),
        fingerprint(item, [one]),
        fingerprint(item, [{**one, "size": 2}, two]),
        fingerprint(item, [{**one, "checksum_info": {"checksum": "y"}}, two]),
        fingerprint(item, [{**one, "name": "b.vmdk"}, two]),
    ]
    assert len({base, *others}) == 6
