"""Reads: the book and balances from memory, what happened from the database. All that is shown is durable."""
