"""What the operations on objects mean, whatever the dialect and the engine."""
