"""Where facts and bytes are kept: one contract (api), a reference (memory) and real engines."""
