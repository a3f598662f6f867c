"""The nouns of the store as pure data: no I/O, no engine, no wire format."""
