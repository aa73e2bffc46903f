"""What reads the log: the projector."""
