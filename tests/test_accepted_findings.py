"""Which findings of Slither stop the audit."""

from typing import Any

from scripts.accepted_findings import complaints

FINDING: dict[str, Any] = {
    "check": "timestamp",
    "description": "uses the time",
    "elements": [
        {
            "type": "function",
            "name": "settle",
            "type_specific_fields": {"parent": {"type": "contract", "name": "Exchange"}},
        }
    ],
}
REPORT = {"results": {"detectors": [FINDING]}}
EXPLAINED = {"check": "timestamp", "place": "Exchange.settle", "why": "..."}
UNREAD = "ERROR: Impossible to generate IR for Exchange.pay (Exchange.sol#1): no"


def test_what_is_explained_passes() -> None:
    accepted = {"finding": [EXPLAINED], "unread": [{"place": "Exchange.pay", "why": "..."}]}
    assert complaints(REPORT, UNREAD, accepted) == []
    accepted["finding"] = [EXPLAINED | {"place": "Exchange.*"}]
    assert complaints(REPORT, UNREAD, accepted) == []


def test_what_is_not_explained_any_more_or_not_found_any_more_is_named() -> None:
    none: dict[str, Any] = {"finding": [], "unread": []}
    assert complaints(REPORT, "", none) == ["timestamp in Exchange.settle:\nuses the time"]
    assert complaints(REPORT, UNREAD, {"finding": [EXPLAINED], "unread": []}) == [
        "Slither cannot read Exchange.pay"
    ]
    gone: dict[str, Any] = {"results": {}}
    assert complaints(gone, "", {"finding": [EXPLAINED], "unread": []}) == [
        "timestamp in Exchange.settle is explained, but no longer found"
    ]
