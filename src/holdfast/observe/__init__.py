"""What the store says about itself: application log, access log and metrics; nothing here knows a secret."""
