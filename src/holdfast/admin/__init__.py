"""The control listener: health, metrics and, later, the administration API."""
