"""Options of the test run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--flow-size",
        type=int,
        default=100_000,
        help="transactions in the random flow that Python and Rust compare",
    )
    parser.addoption(
        "--flow-seed", type=int, default=20_241, help="seed of that flow; the same seed gives the same flow"
    )
    parser.addoption("--soak-seed", type=int, help="seed of what happens to prover workers; default: random")


@pytest.fixture
def flow_size(request: pytest.FixtureRequest) -> int:
    """Number of transactions of the differential test."""
    size: int = request.config.getoption("--flow-size")
    return size


@pytest.fixture
def flow_seed(request: pytest.FixtureRequest) -> int:
    """Seed of the differential test."""
    seed: int = request.config.getoption("--flow-seed")
    return seed
