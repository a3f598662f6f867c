"""What the operations on buckets and listings mean, whatever the dialect."""
