"""The replay follows a file whose executions are in price-time priority, and notices one where they are not."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripts.replay_lobster import DeviationError, Kind, MalformedLineError, Replay, Summary, main, read
from tests.lobster_sample import SAMPLE, messages

BUY_100_TWICE = ["1.5,1,7,100,5853300,1", "1.6,1,8,100,5853300,1"]


def replay(lines: list[str]) -> Summary:
    replayed = Replay()
    replayed.replay(read(lines))
    return replayed.summary


def test_the_committed_sample_is_current() -> None:
    assert SAMPLE.read_text() == messages(), "run `python -m tests.lobster_sample`"


def test_the_sample_is_followed_to_its_end() -> None:
    lines = SAMPLE.read_text().splitlines()
    summary = replay(lines)
    assert summary.events.total() == len(lines) >= 2_000
    assert set(summary.events) == set(Kind) - {Kind.CROSS_TRADE}
    kinds = [line.split(",") for line in lines]
    known = {order for _, kind, order, *_ in kinds if kind == "1"}
    assert summary.fills == sum(kind == "4" and order in known for _, kind, order, *_ in kinds) > 300
    assert summary.unknown == sum(
        kind in ("2", "3", "4") and order not in known for _, kind, order, *_ in kinds
    )
    assert summary.most_levels > 10


@pytest.mark.parametrize("seed", range(5))
def test_other_mornings_are_followed_too(seed: int) -> None:
    assert replay(messages(seed, 1_000).splitlines()).fills > 100


def test_swapped_priorities_are_noticed_where_they_show() -> None:
    """Two orders at one price come in the other order: the file then names the wrong one."""
    rows = [line.split(",") for line in SAMPLE.read_text().splitlines()]
    early, late, executed = next(rivals(rows))
    rows[early][1:], rows[late][1:] = rows[late][1:], rows[early][1:]
    wrong = f"line {executed + 1}: .* of order {rows[late][2]} .* executes .* of order {rows[early][2]} "
    with pytest.raises(DeviationError, match=wrong):
        replay([",".join(row) for row in rows])


def rivals(rows: list[list[str]]) -> Iterator[tuple[int, int, int]]:
    """Submissions of two orders at one price, and the execution of the first while both are as they came."""
    for executed, (_, kind, order, *_) in enumerate(rows):
        if kind != "4":
            continue
        for early, late in combinations(range(executed), 2):
            first, second = rows[early], rows[late]
            between = rows[early + 1 : late] + rows[late + 1 : executed]
            untouched = all(row[2] not in (order, second[2]) for row in between)
            if (first[1:3], second[1], first[4:]) == (["1", order], "1", second[4:]) and untouched:
                yield early, late, executed


def test_a_partial_cancel_keeps_the_place() -> None:
    lines = [*BUY_100_TWICE, "2,2,7,40,5853300,1", "3,4,7,60,5853300,1", "3,4,8,100,5853300,1"]
    assert replay(lines).shares == 160


@pytest.mark.parametrize(
    ("line", "deviation"),
    [
        ("2,4,8,100,5853300,1", "the engine executes 100 of order 7 at 585.3300"),
        ("2,4,7,101,5853300,1", "executes 100 of order 7 at 585.3300, 1 of order 8"),
        ("2,4,7,100,5853400,1", "the engine executes nothing: OK"),
        ("2,4,7,100,5853200,1", "executes 100 of order 7 at 585.3300"),
        ("2,2,7,100,5853300,1", "order 7 has 100 left only"),
        ("2,3,7,99,5853300,1", "order 7 has 100 left, not 99"),
        ("2,1,7,5,5853300,1", "order 7 rests already"),
        ("2,1,9,5,5853300,-1", "order 9 is refused: POST_ONLY_WOULD_CROSS"),
        ("0,1,9,5,5853300,1", "time goes back"),
    ],
)
def test_the_first_deviation_is_named(line: str, deviation: str) -> None:
    with pytest.raises(DeviationError, match=f"^line 3: .*{deviation}"):
        replay([*BUY_100_TWICE, line])


def test_what_is_not_known_is_counted_and_skipped() -> None:
    lines = [*BUY_100_TWICE, "2,4,3,50,5853300,1", "2,3,4,50,5853300,1", "2,2,5,50,5853300,-1"]
    summary = replay([*lines, "2,5,0,50,5853350,1", "2,6,-1,50,5853350,1", "2,7,0,0,-1,-1"])
    assert (summary.unknown, summary.fills, summary.events.total()) == (3, 0, 8)


def test_the_participant_in_a_seventh_column_is_left_alone() -> None:
    assert replay([line + ",null" for line in BUY_100_TWICE]).most_orders == 2


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1,1,7,100,5853300",
        "1,1,7,x,5853300,1",
        "1,9,7,100,5853300,1",
        "1,1,7,0,5853300,1",
        "1,1,7,1,5853300,2",
    ],
)
def test_what_is_no_message_is_refused(line: str) -> None:
    with pytest.raises(MalformedLineError, match="line 3 is no message"):
        replay([*BUY_100_TWICE, line])


def run(path: Path, lines: list[str]) -> Result:
    file = path / "messages.csv"
    file.write_text("\n".join(lines) + "\n")
    return CliRunner().invoke(main, [str(file)])


def test_the_command_ends_as_the_replay_does(tmp_path: Path) -> None:
    good = run(tmp_path, [*BUY_100_TWICE, "2,4,7,100,5853300,1"])
    assert good.exit_code == 0
    assert "fills                      1  (100 shares" in good.output
    assert run(tmp_path, [*BUY_100_TWICE, "2,4,8,100,5853300,1"]).exit_code == 1
    assert run(tmp_path, ["time,type"]).exit_code == 2
