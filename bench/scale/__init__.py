"""Processing many images at once: measure a run on this machine, and simulate Lambda."""
