"""Benchmark of time, memory and price, compared with the origin and with the limits of the machine."""
