"""What is sent over one connection.

Frames go straight to the transport, all of one turn of the event loop in one write. A client that does not read never
holds up anybody: what it did not take is bounded, and beyond the bound the connection is closed.
"""

import asyncio
from collections.abc import Callable, Iterable
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Final, Protocol

from sequencer.adapters.feed.frames import close_frame

UNREAD_BYTES_MAX: Final = 1 << 20
"""What a client may leave unread, besides one snapshot."""
SYSTEM_BUFFER_BYTES: Final = 1 << 18
"""What the system may hold for a client; by default it would be several megabytes for one that does not read."""
CLOSE_GRACE_S: Final = 5.0
"""How long a client that is sent away may take to read what it was sent."""

SLOW_READER: Final = 4000
GOING_AWAY: Final = 1001
FEED_FAILED: Final = 1011


class Pace(Protocol):
    """What all connections have in common."""

    def last_seq(self) -> int:
        """Sequence number up to which the feed has sent everything."""
        ...

    def delay_s(self) -> float:
        """How long what many get may wait."""
        ...


class Outgoing:
    """The sending half of a connection."""

    __slots__ = (
        "_bytes_max",
        "_closed",
        "_feed",
        "_flushing",
        "_loop",
        "_pending",
        "_pending_bytes",
        "_timer",
        "_transport",
        "closing",
    )

    def __init__(self, transport: asyncio.Transport, feed: "Pace") -> None:
        self.closing: Callable[[], None] = lambda: None
        """Called once nothing more can be sent."""
        self._transport = transport
        system_socket = transport.get_extra_info("socket")
        system_socket.setsockopt(SOL_SOCKET, SO_SNDBUF, SYSTEM_BUFFER_BYTES)
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._flushing = False
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._bytes_max = UNREAD_BYTES_MAX

    @property
    def unread(self) -> int:
        """Bytes that the client did not take yet."""
        return self._transport.get_write_buffer_size() + self._pending_bytes

    def send(self, frame: bytes) -> None:
        """Takes a frame; it goes out at the end of this turn of the event loop."""
        if self._closed:
            return
        self._pending.append(frame)
        self._pending_bytes += len(frame)
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._flushing = None, False
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def send_with_others(self, frame: bytes) -> None:
        """Takes a frame that many get: the more they are, the longer it may wait for others to go with it."""
        if self._closed:
            return
        self._pending.append(frame)
        self._pending_bytes += len(frame)
        if not self._flushing:
            self._flushing = True
            delay_s = self._feed.delay_s()
            if delay_s:
                self._timer = self._loop.call_later(delay_s, self._flush)
            else:
                self._loop.call_soon(self._flush)

    def send_snapshot(self, frames: Iterable[bytes]) -> None:
        """Takes frames that are together larger than what may be unread. Only while little is."""
        before = self._pending_bytes
        for frame in frames:
            self.send(frame)
        self._bytes_max = max(self._bytes_max, UNREAD_BYTES_MAX + self._pending_bytes - before)

    def fail(self) -> None:
        """See Sink."""
        self.close(FEED_FAILED, "the feed failed: subscribe again")

    def close(self, code: int, reason: str) -> None:
        """Sends what was taken, then the end; the connection is cut if the client does not answer it."""
        self._flush()
        if self._closed:
            return
        self._closed = True
        self.closing()
        if not self._transport.is_closing():
            self._transport.write(close_frame(code, reason))
            self._loop.call_later(CLOSE_GRACE_S, self._transport.abort)

    def _flush(self) -> None:
        self._flushing, self._timer = False, None
        frames, self._pending, self._pending_bytes = self._pending, [], 0
        if self._closed or self._transport.is_closing() or not frames:
            return
        self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
        unread = self.unread
        if unread > self._bytes_max:
            self.close(SLOW_READER, f"slow_reader last_seq={self._feed.last_seq()}")
        elif unread <= UNREAD_BYTES_MAX // 2:
            self._bytes_max = UNREAD_BYTES_MAX
