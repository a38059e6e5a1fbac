"""Where and when a request runs: on the I/O loop, on a thread, or in a batch. No sockets."""
