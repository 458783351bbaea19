"""The rules of the exchange (docs/protocol.md), pure: no I/O, clock, randomness or environment."""
