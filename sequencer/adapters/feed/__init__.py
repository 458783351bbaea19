"""The live feed: what committed groups changed, as messages for whoever reads along (docs/websocket.md)."""
