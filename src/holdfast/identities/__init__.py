"""Who there is: users, their keys sealed under the master key, and what must exist from the first start."""
