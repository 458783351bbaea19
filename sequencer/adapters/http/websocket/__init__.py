"""The WebSocket API: live channels and order entry over one connection (docs/websocket.md)."""
