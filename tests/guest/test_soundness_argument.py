"""docs/soundness.md and the tests go together, and what a host says enters the guest in one place."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ARGUMENT = ROOT / "docs" / "soundness.md"
GUEST = ROOT / "sp1_program"
TESTS = [
    *(ROOT / "tests" / "guest").glob("test_*.py"),
    *(GUEST / "core" / "tests").rglob("*.rs"),
    *(GUEST / "core" / "src").rglob("*.rs"),
]

NATIVE_ONLY = {"core/src/prepare.rs", "core/src/secp256k1/native.rs", "core/src/secp256k1/tests.rs"}
"""Files that are not compiled into the guest."""
HOST = re.compile(r"unconstrained|sp1_zkvm::io::\w+|sp1_lib::io|syscall_hint|syscall_read|hint_slice")
"""What a host can answer."""
READERS = {"core/src/codec/words.rs", "core/src/hints.rs", "core/src/partial.rs", "core/src/witness.rs"}
"""Files that take the witness apart: hints, and tries, which are hashed as they are read."""
OUTSIDE = re.compile(r"std::(?:env|fs|io|net|time|thread|process)\b|\brand\b|getrandom|SystemTime|\bunsafe\b")
"""What could make the result depend on anything but the witness, or leave the language's guarantees."""
UNSAFE = {
    "core/src/codec/cast.rs",
    "core/src/hash/keccak.rs",
    "core/src/hash/poseidon2.rs",
    "core/src/hash/sha256.rs",
    "core/src/secp256k1/ops.rs",
    "core/src/uint256.rs",
    "program/src/main.rs",
}
"""Files that call precompiles or read bytes as words."""


def sentences() -> list[str]:
    """Numbers of the argument's sentences, `01` and so on, in the order in which they stand there."""
    return re.findall(r"^\*\*S(\d\d)\.", ARGUMENT.read_text(), re.MULTILINE)


def numbers_of_tests() -> set[str]:
    """Numbers that a test has in its name."""
    return {
        number
        for path in TESTS
        for number in re.findall(r"\b(?:def test_|fn )s(\d\d)_\w+\(", path.read_text())
    }


def test_every_sentence_has_a_test_of_its_number_and_every_such_test_a_sentence() -> None:
    numbers = sentences()
    assert numbers == [f"{number:02}" for number in range(1, len(numbers) + 1)]
    assert numbers_of_tests() == set(numbers)


def test_files_that_the_argument_names_exist() -> None:
    named = re.findall(r"`((?:\w+/)+\w+\.(?:rs|py|sol|md))`", ARGUMENT.read_text())
    assert named
    for name in named:
        assert (ROOT / name).is_file() or (GUEST / "core" / "src" / name).is_file(), name


def guest_sources() -> Iterator[tuple[str, str]]:
    """Name and code, without comments and tests, of each file that the guest is made of."""
    for path in sorted([*(GUEST / "core" / "src").rglob("*.rs"), *(GUEST / "program" / "src").rglob("*.rs")]):
        code = re.sub(r'"[^"]*"|//.*', "", path.read_text())
        yield str(path.relative_to(GUEST)), code.split("#[cfg(test)]\nmod tests {")[0]


def test_s28_what_a_host_says_enters_in_one_place() -> None:
    sources = {name: code for name, code in guest_sources() if name not in NATIVE_ONLY}
    asking = {name: HOST.findall(code) for name, code in sources.items() if HOST.search(code)}
    assert asking == {"program/src/main.rs": ["sp1_zkvm::io::read_vec", "sp1_zkvm::io::commit_slice"]}
    assert {name for name, code in sources.items() if re.search(r"\b(?:Words|Nodes)\b", code)} <= {
        *READERS,
        "core/src/codec/mod.rs",
        "core/src/signing.rs",
    }
    # Nobody else makes hints or sees keys and signatures.
    hints = sources["core/src/hints.rs"]
    assert len(re.findall(r"\bHints \{", "".join(sources.values()))) == len(re.findall(r"\bHints \{", hints))
    assert re.findall(r"pub (\w+):", hints) == ["removed"]


def test_s28_nothing_but_the_witness_decides() -> None:
    for name, code in guest_sources():
        if name not in NATIVE_ONLY:
            allowed = {"unsafe"} if name in UNSAFE else set()
            found = {match.group() for match in OUTSIDE.finditer(code)}
            assert found <= allowed, name
