"""Time and randomness of the machine."""

import asyncio
import secrets
import time


class SystemClock:
    """The port Clock over the system's clock."""

    def now_ms(self) -> int:
        """See Clock."""
        return time.time_ns() // 1_000_000

    async def sleep(self, duration_ms: int) -> None:
        """See Clock."""
        await asyncio.sleep(duration_ms / 1000)


class SystemRandomness:
    """The port Randomness over the system's random numbers."""

    def token(self) -> str:
        """See Randomness."""
        return secrets.token_hex(16)
