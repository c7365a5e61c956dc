import pytest
from rich.console import Console

from rehearsal.proof import NotShown, Proofs, require, table


def test_a_successful_step_is_shown_with_its_observation() -> None:
    proofs = Proofs(Console(quiet=True))
    with proofs.step("It deploys") as proof:
        proof.seen = "35 resources"
    (row,) = proofs.rows
    assert (row.claim, row.seen, row.shown) == ("It deploys", "35 resources", True)


def test_a_failed_step_is_not_shown_and_raises_its_failure() -> None:
    proofs = Proofs(Console(quiet=True))
    with pytest.raises(NotShown), proofs.step("It deploys"):
        require(1 > 2, "34 of 35 resources were made\nand a long log")
    assert (proofs.rows[0].shown, proofs.rows[0].seen) == (False, "34 of 35 resources were made")


def test_the_table_counts_what_was_shown() -> None:
    proofs = Proofs(Console(quiet=True))
    with proofs.step("first"):
        pass
    with pytest.raises(KeyError), proofs.step("second"):
        raise KeyError
    console = Console(width=100)
    with console.capture() as capture:
        console.print(table(proofs.rows))
    printed = capture.get()
    assert "1 of 2 shown" in printed
    assert "FAILED" in printed
    assert "KeyError" in printed


def test_a_true_requirement_raises_nothing() -> None:
    require(True, "never told")
