"""Start and end: one server process, several workers, signals."""
