"""What any network of a space takes: the latency table, fitted to measured networks, and how far it can be trusted."""
