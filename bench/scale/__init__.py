"""What happens when many images come at once: a run on this machine, and a simulation of Lambda."""
