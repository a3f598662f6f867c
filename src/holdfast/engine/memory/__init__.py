"""The reference engine: plain dictionaries, obviously right, nothing durable. What it does is what every engine must do."""
