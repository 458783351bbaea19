"""Compares what Slither found with what contracts/accepted_findings.toml explains.

    python3 scripts/accepted_findings.py SLITHER.json SLITHER.log

Fails for a finding that is not explained, for an explanation of findings that are gone, and for code that Slither could
not read, other than what is named there. The `place` of an explanation may have `*` in it, for findings of one reason.
Needs nothing but Python, so that it runs beside any version of the tools.
"""

import json
import re
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ACCEPTED = Path(__file__).resolve().parent.parent / "contracts" / "accepted_findings.toml"
UNREAD = re.compile(r"Impossible to generate IR for (\S+)")


def found(report: dict[str, Any]) -> dict[tuple[str, str], str]:
    """What Slither reports: detector and place, with its words."""
    detectors = report["results"].get("detectors", [])
    return {(finding["check"], place(finding)): finding["description"] for finding in detectors}


def place(finding: dict[str, Any]) -> str:
    """`Contract.function`, or what is named instead, of a finding's first element."""
    first = finding["elements"][0]
    parent = first.get("type_specific_fields", {}).get("parent", {})
    names = [first["name"]] if first["type"] in ("function", "variable", "event", "struct", "enum") else []
    while parent and parent["type"] in ("function", "contract"):
        names.insert(0, parent["name"])
        parent = parent.get("type_specific_fields", {}).get("parent", {})
    return ".".join(names) or first["name"]


def complaints(report: dict[str, Any], log: str, accepted: dict[str, Any]) -> list[str]:
    """What must be looked at."""
    reported = found(report)
    explained = [(entry["check"], entry["place"]) for entry in accepted["finding"]]
    unread = set(UNREAD.findall(log)) - {entry["place"] for entry in accepted["unread"]}
    unexplained = [key for key in sorted(reported) if not any(covers(entry, key) for entry in explained)]
    gone = [entry for entry in explained if not any(covers(entry, key) for key in reported)]
    return [
        *(f"{check} in {where}:\n{reported[check, where]}" for check, where in unexplained),
        *(f"{check} in {where} is explained, but no longer found" for check, where in gone),
        *(f"Slither cannot read {function}" for function in sorted(unread)),
    ]


def covers(entry: tuple[str, str], finding: tuple[str, str]) -> bool:
    """Whether an explanation is one of a finding; both are a check and a place."""
    return entry[0] == finding[0] and fnmatchcase(finding[1], entry[1])


def main() -> int:
    report_file, log_file = map(Path, sys.argv[1:])
    try:
        report = json.loads(report_file.read_text())
    except ValueError:
        print(log_file.read_text(), file=sys.stderr)
        return 1
    accepted = tomllib.loads(ACCEPTED.read_text())
    if not report["success"]:
        print(report["error"], file=sys.stderr)
        return 1
    problems = complaints(report, log_file.read_text(), accepted)
    print("\n".join(problems) or f"{len(found(report))} findings, each explained in {ACCEPTED.name}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
