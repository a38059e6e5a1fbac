"""What the machine, or the container, allows: CPUs and memory."""
