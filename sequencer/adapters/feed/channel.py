"""A channel: a chain of messages, who reads along, and the latest messages for who was cut off."""

from collections import deque
from typing import Protocol


class Sink(Protocol):
    """Where a subscriber's messages go."""

    def send(self, frame: bytes) -> None:
        """Takes a frame; it must not wait and not raise."""
        ...

    def fail(self) -> None:
        """The chain broke; nothing more comes."""
        ...


class Channel:
    """Messages in the order of their sequence numbers, each naming the one before it.

    The ring holds the latest, up to a number and a size; what left it can only be made up for by a snapshot. Messages
    about what is not durable yet wait in the outbox, if there is one: `last_seq` counts them already.
    """

    __slots__ = (
        "_bytes",
        "_bytes_max",
        "_messages_max",
        "_outbox",
        "_ring",
        "_since",
        "_subscribers",
        "last_seq",
    )

    def __init__(
        self, start_seq: int, messages_max: int, bytes_max: int, outbox: "Outbox | None" = None
    ) -> None:
        """A channel whose first message will follow `start_seq`. Without a ring, each message is a snapshot."""
        self._outbox = outbox
        self.last_seq = start_seq
        self._since = start_seq
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._ring: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._subscribers: set[Sink] = set()

    @property
    def subscribers(self) -> int:
        """How many read along."""
        return len(self._subscribers)

    def subscribe(self, sink: Sink) -> None:
        """Sends `sink` every message from now on."""
        self._subscribers.add(sink)

    def unsubscribe(self, sink: Sink) -> None:
        """Sends `sink` no more."""
        self._subscribers.discard(sink)

    def publish(self, seq: int, frame: bytes) -> None:
        """Sends a message, whose `prev_seq` is `last_seq`, to all, at once or from the outbox."""
        self.last_seq = seq
        if self._outbox is None:
            self.deliver(seq, frame)
        else:
            self._outbox.append((self, seq, frame))

    def deliver(self, seq: int, frame: bytes) -> None:
        """Sends a message that was published."""
        self._ring.append((seq, frame))
        self._bytes += len(frame)
        while len(self._ring) > self._messages_max or self._bytes > self._bytes_max:
            self._since, dropped = self._ring.popleft()
            self._bytes -= len(dropped)
        # A copy: a sink that overflows leaves.
        for sink in tuple(self._subscribers):
            sink.send(frame)

    def fail(self) -> None:
        """Sends everybody away: something is missing in the chain."""
        for sink in tuple(self._subscribers):
            sink.fail()

    def since(self, seq: int) -> list[bytes] | None:
        """The messages after `seq`, oldest first; None if not all of them are here."""
        if not self._messages_max or seq < self._since:
            return None
        missed: list[bytes] = []
        for number, frame in reversed(self._ring):
            if number <= seq:
                break
            missed.append(frame)
        missed.reverse()
        return missed


Outbox = list[tuple[Channel, int, bytes]]
"""Messages that wait, in the order in which they are to be delivered."""
