"""Names: what counts as the same one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Beatles", "  the\tBEATLES\n"),
        ("Sigur Rós", "Sigur Ro\u0301s"),  # accent composed and combining
        ("ＡＢＢＡ", "Abba"),  # full-width letters
        ("Straße", "STRASSE"),
        ("a\u00a0b\u2028c", "A B C"),  # a no-break space, a line separator
    ],
)
def test_spellings_of_one_name_are_equal(one, other):
    assert names.normalise(one) == names.normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nirvana", "Nirvana Tribute"),
        ("The The", "The"),
        ("Bjork", "Björk"),
        ("AC/DC", "ACDC"),
        ("Air", "A i r"),
    ],
)
def test_other_names_stay_other_names(one, other):
    assert names.normalise(one) != names.normalise(other)


@given(st.text())
def test_normalising_twice_changes_nothing(name):
    assert names.normalise(names.normalise(name)) == names.normalise(name)
