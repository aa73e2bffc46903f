"""The warehouse: one DuckDB file that the projector writes, and its published copy that people read."""
