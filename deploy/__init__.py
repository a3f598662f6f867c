"""How Holdfast is run: container, service, reverse proxy, and servers of one's own for the cluster engine."""
