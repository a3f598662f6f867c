"""Moving a whole store to another engine, while it serves."""
