"""What operations of an auth framework cost, here and elsewhere: `python -m benchmarks`."""
