"""Options of the test run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--flow-size",
        type=int,
        default=20_000,
        help="transactions in the random flow that Python and Rust compare",
    )


@pytest.fixture
def flow_size(request: pytest.FixtureRequest) -> int:
    """Number of transactions of the differential test."""
    size: int = request.config.getoption("--flow-size")
    return size
