"""The log: one contract, and the logs that keep it."""
