"""What the service costs in time, memory and money, beside the origin and beside what the machine could do."""
