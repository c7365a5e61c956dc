"""Many images at once: a run on this machine, and a simulation of Lambda."""
