"""How long workers wait that failed, and that the memory of them is bounded."""

from sequencer.adapters.hold_off import FAILURES_AT_ONCE, FIRST_MS, LONGEST_MS, WORKERS_MAX, HoldOff


def test_pauses_double_up_to_the_longest() -> None:
    hold_off, now = HoldOff(), 0
    pauses = []
    for _ in range(200):
        hold_off.failed("w", now)
        start = now
        while hold_off.holds("w", now):
            now += FIRST_MS
        pauses.append(now - start)
    doubled = [FIRST_MS << n for n in range(7)]
    assert pauses[: FAILURES_AT_ONCE + 7] == [0] * (FAILURES_AT_ONCE - 1) + doubled + [LONGEST_MS]
    assert set(pauses[FAILURES_AT_ONCE + 7 :]) == {LONGEST_MS}


def test_names_that_are_made_up_do_not_fill_the_memory() -> None:
    hold_off = HoldOff()
    for number in range(3 * WORKERS_MAX):
        hold_off.failed(f"made-up-{number}", 0)
    assert len(hold_off._records) == WORKERS_MAX


def test_a_worker_that_goes_on_failing_is_not_forgotten() -> None:
    hold_off = HoldOff()
    for number in range(3 * WORKERS_MAX):
        hold_off.failed(f"made-up-{number}", 0)
        if number % (WORKERS_MAX // 2) == 0:
            hold_off.failed("bad", 0)
    assert hold_off.held(0) == ["bad"]
