"""The policy language: what is read, and what is refused in which words at which place."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.authz.permissions import OF_OPERATION, PERMISSIONS, RESOURCES, VERBS
from holdfast.authz.statements import CHARACTERS_MAX, Combine, Compare, Location, Name, StatementError, Subject, Value, parse
from holdfast.authz.where import matches

TENANCY_WIDE = Location("tenancy")


def test_M26_verbs_resources_and_places() -> None:
    for resource in RESOURCES:
        for verb in ("inspect", "read", "use", "manage"):
            found = parse(f"Allow group Ops to {verb} {resource} in tenancy")
            assert (found.subject, found.verb, found.resource, found.location) == (Subject("group", (Name("Ops"),)), verb, resource, TENANCY_WIDE)
            assert found.permissions == VERBS[resource][verb] and found.condition is None
    assert parse("allow any-user to read buckets in compartment a:b:c").location == Location("path", ("a", "b", "c"))
    assert parse("ALLOW any-user\n TO Read OBJECT-FAMILY in COMPARTMENT ID ocid1.compartment.oc1..abc").location == Location(
        "id", id="ocid1.compartment.oc1..abc"
    )


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        ("any-user", Subject("any-user")),
        ("any-group", Subject("any-group")),
        ("group A", Subject("group", (Name("A"),))),
        ("group A, B ,'C D'", Subject("group", (Name("A"), Name("B"), Name("C D")))),
        ("group id ocid1.group.oc1..x, B", Subject("group", (Name("ocid1.group.oc1..x", by_id=True), Name("B")))),
        ("group Default/A, 'Default'/'B C', \"default\"/D", Subject("group", (Name("A"), Name("B C"), Name("D")))),
        ("service objectstorage-eu-1", Subject("service", (Name("objectstorage-eu-1"),))),
    ],
)
def test_subjects(words: str, subject: Subject) -> None:
    assert parse(f"Allow {words} to read objects in tenancy").subject == subject


def test_permissions_can_be_listed() -> None:
    assert parse("Allow group A to {OBJECT_READ, bucket_inspect} in tenancy").permissions == {"OBJECT_READ", "BUCKET_INSPECT"}


@pytest.mark.parametrize(
    ("words", "condition"),
    [
        ("target.bucket.name = 'a'", Compare("target.bucket.name", "=", (Value("a"),))),
        ('Target.Bucket.Name!="a b"', Compare("target.bucket.name", "!=", (Value("a b"),))),
        ("target.object.name = /logs*/", Compare("target.object.name", "=", (Value("logs*", ("logs", "")),))),
        ("target.object.name = 'a/*'", Compare("target.object.name", "=", (Value("a/*", ("a/", "")),))),
        ("request.operation in ('GetObject', PutObject)", Compare("request.operation", "in", (Value("GetObject"), Value("PutObject")))),
        ("request.utc-timestamp before '2030-01-01T00:00Z'", Compare("request.utc-timestamp", "before", (Value("2030-01-01T00:00Z"),))),
        (
            "request.utc-timestamp.time-of-day between '08:00:00Z' and '17:00:00Z'",
            Compare("request.utc-timestamp.time-of-day", "between", (Value("08:00:00Z"), Value("17:00:00Z"))),
        ),
        ("target.bucket.tag.Ops.team = 'x'", Compare("target.bucket.tag.ops.team", "=", (Value("x"),))),
        (
            "any {request.user.name='a', all { request.region='b', request.permission='c' } }",
            Combine("any", (
                Compare("request.user.name", "=", (Value("a"),)),
                Combine("all", (Compare("request.region", "=", (Value("b"),)), Compare("request.permission", "=", (Value("c"),)))),
            )),
        ),
    ],
)  # fmt: skip
def test_conditions(words: str, condition: Compare | Combine) -> None:
    assert parse(f"Allow any-user to read objects in tenancy where {words}").condition == condition


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("", 0, "expected allow, found the end"),
        ("Permit group A to read objects in tenancy", 0, 'expected allow, found "Permit"'),
        ("Allow groups A to read objects in tenancy", 6, "expected group, any-user"),
        ("Allow group A to see objects in tenancy", 17, "expected inspect, read, use or manage"),
        ("Allow group A to read objekts in tenancy", 22, "did you mean objects?"),
        ("Allow group A to {OBJECT_RAED} in tenancy", 18, "did you mean OBJECT_READ?"),
        ("Allow group A to read objects at tenancy", 30, "expected in"),
        ("Allow group A to read objects in tenancies", 33, "expected tenancy or compartment"),
        ("Allow group A to read objects in compartment", 44, "the name of a compartment"),
        ("Allow group A to read objects in compartment id x", 48, "is no OCID"),
        ("Allow group A to read objects in tenancy if", 41, "expected where, or the end"),
        ("Allow group A to read objects in tenancy where", 46, "expected a variable"),
        ("Allow group A to read objects in tenancy where target.bucket.nam='a'", 47, "did you mean target.bucket.name?"),
        ("Allow group A to read objects in tenancy where target.bucket.name", 65, "expected =, !="),
        ("Allow group A to read objects in tenancy where target.bucket.name='a", 66, "never closed"),
        ("Allow group A to read objects in tenancy where target.bucket.name=/a", 66, "never closed"),
        ("Allow group A to read objects in tenancy where any {target.bucket.name='a'", 74, 'expected "," or "}"'),
        ("Allow group A to read objects in tenancy where target.bucket.name before '2030-01-01'", 66, "not with before"),
        ("Allow group A to read objects in tenancy where request.utc-timestamp after 'soon'", 75, "is no time"),
        ("Allow group A to read objects in tenancy where request.ad = 'x'", 47, "not supported"),
        ("Allow group Other/A to read objects in tenancy", 12, "one identity domain"),
        ("Allow dynamic-group A to read objects in tenancy", 6, "dynamic groups are not supported"),
        ("Deny group A to read objects in tenancy", 0, "deny statements are not supported"),
        ("Define tenancy T as ocid1.tenancy.oc1..a", 0, "between tenancies"),
        ("Endorse group A to read objects in tenancy T", 0, "between tenancies"),
        ("Admit group A of tenancy T to read objects in tenancy", 0, "between tenancies"),
    ],
)
def test_M25_an_error_says_where_and_what_was_expected(text: str, at: int, says: str) -> None:
    with pytest.raises(StatementError) as error:
        parse(text)
    assert says in error.value.message
    assert error.value.position == at
    assert error.value.excerpt().splitlines()[1] == " " * (at - max(at - 30, 0)) + "^"
    assert str(at + 1) in str(error.value)


def test_an_error_in_a_later_line_names_line_and_column() -> None:
    with pytest.raises(StatementError) as error:
        parse("Allow group A\n  to see objects in tenancy")
    assert (error.value.line, error.value.column) == (2, 6)
    assert "line 2, column 6" in str(error.value)


def test_lengths_and_depths_are_bounded() -> None:
    with pytest.raises(StatementError, match="at most"):
        parse("Allow group A to read objects in tenancy where target.bucket.name = '" + "a" * CHARACTERS_MAX + "'")
    with pytest.raises(StatementError, match="nested"):
        parse("Allow group A to read objects in tenancy where " + "any {" * 200)


WORDS = [
    "allow", "Allow", "deny", "group", "any-user", "service", "A", "'B C'", "id", "ocid1.group.oc1..a", "default/", "to", "inspect", "read", "use",
    "manage", "buckets", "objects", "all-resources", "{", "}", "(", ")", ",", ":", "=", "!=", "/", "/a*/", "'x'", '"', "'", "in", "tenancy",
    "compartment", "where", "any", "all", "target.bucket.name", "request.user.name", "request.utc-timestamp", "before", "between", "and",
    "'2030-01-01'", "OBJECT_READ", "\x00", "é", "\n",
]  # fmt: skip
PIECES = [
    "Allow ", "group A", "group id ocid1.group.oc1..a, B", "any-user", " to ", "read ", "{OBJECT_READ} ", "objects ", "in tenancy",
    "in compartment a:b", " where ", "any {", "all {", "target.bucket.name = 'a'", "target.object.name != /a*/", ", ", "}",
    "request.operation in ('a', b)",
]  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=300), st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join), st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_whatever_is_written_it_is_a_statement_or_a_statement_error(text: str) -> None:
    try:
        found = parse(text)
    except StatementError as error:
        assert 0 <= error.position <= max(len(text), CHARACTERS_MAX) and error.message and str(error)
        assert error.excerpt() and error.line >= 1 and error.column >= 1
    else:
        assert found.permissions <= PERMISSIONS and parse(found.text) == found


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 200), st.sampled_from(["any {", "'", "/", "*", "a,", "all{any{", "(", " ", "group ", "a:"]))
def test_no_statement_takes_long(count: int, piece: str) -> None:
    text = ("Allow group A to read objects in tenancy where target.object.name = " + piece * count * 20)[:CHARACTERS_MAX]
    started = time.thread_time()
    with contextlib.suppress(StatementError):
        parse(text)
    assert time.thread_time() - started < 0.5


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=5), st.text("ab", max_size=12))
def test_patterns_match_as_a_regular_expression_would(pieces: list[str], value: str) -> None:
    import re

    expected = re.fullmatch(".*".join(re.escape(piece) for piece in pieces), value, re.DOTALL) is not None
    assert matches(tuple(pieces), value) is expected


def test_patterns_take_time_that_grows_with_their_length() -> None:
    started = time.thread_time()
    assert not matches(tuple(["a"] * 2000 + ["b"]), "a" * 4000 + "c")
    assert time.thread_time() - started < 0.5


def test_every_operation_needs_permissions_that_exist() -> None:
    needed = {name for needs in OF_OPERATION.values() for entry in needs for name in entry.split("|")}
    assert needed <= PERMISSIONS
