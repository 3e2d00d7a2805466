"""A simulated evening: riders, faults and technicians on real processes, and what it proves."""
