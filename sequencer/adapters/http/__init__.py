"""The REST API (docs/api.md)."""
