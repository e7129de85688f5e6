from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ofd_gateway.simulator.dice import Dice


def test_the_sequence_is_pinned_for_good() -> None:
    """Scenario files promise the same documents in every release: these figures must never change."""
    dice = Dice("receipts", 1, 0)

    assert [dice.below(1000) for _ in range(8)] == [43, 882, 291, 505, 513, 596, 861, 658]


@given(st.integers(), st.integers(1, 10**9))
def test_rolls_stay_below_the_bound(seed: int, bound: int) -> None:
    dice = Dice(seed)

    assert all(0 <= dice.below(bound) < bound for _ in range(20))


@given(st.integers(-100, 100), st.integers(0, 50))
def test_between_includes_both_ends(first: int, width: int) -> None:
    dice = Dice("between", first, width)

    assert {dice.between(first, first + width) for _ in range(30 * (width + 1))} <= set(range(first, first + width + 1))


def test_every_face_comes_up() -> None:
    dice = Dice("faces")

    assert {dice.between(1, 6) for _ in range(200)} == {1, 2, 3, 4, 5, 6}
    assert {dice.pick("abc") for _ in range(100)} == set("abc")


def test_chance_knows_never_and_always() -> None:
    dice = Dice("chance")

    assert not any(dice.chance(0) for _ in range(1000))
    assert all(dice.chance(1) for _ in range(1000))
    assert 400 < sum(dice.chance(0.5) for _ in range(1000)) < 600


def test_other_words_give_another_sequence() -> None:
    assert Dice("a", 1).below(2**40) != Dice("a", 2).below(2**40)
    assert Dice("a", 12).below(2**40) != Dice("a1", 2).below(2**40)


def test_digits_have_their_full_width() -> None:
    dice = Dice("digits")

    numbers = [dice.digits(3) for _ in range(200)]

    assert {len(number) for number in numbers} == {3}
    assert any(number.startswith("0") for number in numbers)
