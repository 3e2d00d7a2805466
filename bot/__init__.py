"""The service: everything else in the repository points at this package."""
