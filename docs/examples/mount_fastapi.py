"""Dwell in a FastAPI application. Run it with `uvicorn mount_fastapi:app`."""

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from dwell.settings import Settings
from dwell.site import Dwell

PAGE = """<!doctype html>
<html lang="en" data-dwell-view="shop.pages.Home">
<title>Shop</title>
<script src="{script_url}" async></script>
<h1>Welcome</h1>
"""

app = FastAPI()

dwell = Dwell(Settings.read())
dwell.mount(app)


@app.get("/", response_class=HTMLResponse)
async def home() -> str:
    """A page: all it needs is the script's tag, and the name of its view."""
    return PAGE.format(script_url=dwell.script_url)
