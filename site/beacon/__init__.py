"""The beacon: the script that runs in the page, and how it is served."""
