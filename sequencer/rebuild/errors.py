"""What can stop a rebuild.

RebuildError
├── ChainUnavailable    the RPC node does not answer, or refuses: try again, or another one
├── ChainInconsistent   the RPC node's answers contradict each other: perhaps it is behind, perhaps it lies
├── ChainReorganised    blocks were replaced while they were read: read again
├── DataMissing         no source has the data of a batch
├── Mismatch            what L1 settled is not what its data gives
└── RecordsError        the folder cannot be used
"""


class RebuildError(Exception):
    """The state was not rebuilt; the message says why."""


class ChainUnavailable(RebuildError):  # noqa: N818 - a state, named as it is shown
    """The RPC node gave no answer, or none that is one."""


class ChainInconsistent(RebuildError):  # noqa: N818
    """The RPC node's answers contradict each other."""


class ChainReorganised(RebuildError):  # noqa: N818
    """Blocks were replaced while they were read."""


class DataMissing(RebuildError):  # noqa: N818
    """Nobody has the data of a batch."""

    def __init__(self, batch: int, reasons: list[str]) -> None:
        super().__init__(
            f"batch {batch}: its data is nowhere to be found: {'; '.join(reasons) or 'no source'}"
        )
        self.batch = batch


class Mismatch(RebuildError):  # noqa: N818
    """A batch's data does not give what was settled."""

    def __init__(self, batch: int, field: str, rebuilt: object, settled: object) -> None:
        super().__init__(
            f"batch {batch}: {field} is {_shown(rebuilt)} when rebuilt, but {_shown(settled)} was settled"
        )
        self.batch = batch
        self.field = field


class RecordsError(RebuildError):
    """The folder of records cannot be used."""


def _shown(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
