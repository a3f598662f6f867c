"""The processes of one server: a supervisor that forks and replaces, gateway workers, one steward; they share a lock, sockets and a board."""
