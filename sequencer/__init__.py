"""The sequencer of a zero-knowledge rollup whose only application is a central limit order book."""
