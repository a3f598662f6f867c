"""Background work of the steward: what nobody waits for and what may be done again after a crash."""
