"""What is told of requests and of models: metrics, headers, a log, traces."""
