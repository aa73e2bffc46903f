"""The dashboard: what the published warehouse tells, as pages and as data, for who may see it."""

from dwell.site.dashboard.app import create_dashboard

__all__ = ["create_dashboard"]
