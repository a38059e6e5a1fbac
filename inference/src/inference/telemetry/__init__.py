"""What is counted, under our names and under those of Triton."""
