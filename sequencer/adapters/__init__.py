"""What connects the node to the world: HTTP, SQLite, L1 and prover workers."""
