"""The facts as pydantic models, on the wire and in the log."""
