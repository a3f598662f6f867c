"""The settings of the store: what can be set, where values are found, and what is refused."""
