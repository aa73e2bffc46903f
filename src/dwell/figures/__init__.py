"""Figures for operators: what a process did since it began, as Prometheus reads it.

Processes count in plain numbers, which costs them next to nothing; what Prometheus wants is made of
these when it asks.
"""
