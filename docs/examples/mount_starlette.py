"""Dwell in a Starlette application. Run it with `uvicorn mount_starlette:app`."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from dwell.settings import Settings
from dwell.site import Dwell

PAGE = """<!doctype html>
<html lang="en" data-dwell-view="shop.pages.Home">
<title>Shop</title>
<script src="{script_url}" async></script>
<h1>Welcome</h1>
"""


async def home(request: Request) -> HTMLResponse:
    """A page: all it needs is the script's tag, and the name of its view."""
    return HTMLResponse(PAGE.format(script_url=dwell.script_url))


app = Starlette(routes=[Route("/", home)])

dwell = Dwell(Settings.read())
dwell.mount(app)
