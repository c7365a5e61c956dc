"""Benchmark time, memory and price. Compare them with the original service (the origin) and the machine's limits."""
