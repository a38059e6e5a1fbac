"""What the server records: metrics, access log, traces, and their exposition."""
