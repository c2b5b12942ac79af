"""The latency table: estimates any network of a space from measured networks, and assesses its own accuracy."""
