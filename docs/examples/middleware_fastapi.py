"""Dwell around a FastAPI application with templates. Run it with `uvicorn middleware_fastapi:app`."""

from fastapi import FastAPI, Request, Response
from fastapi.templating import Jinja2Templates
from jinja2 import DictLoader, Environment

from dwell.site import DwellMiddleware, tags_in

TEMPLATES = {
    "layout.html": """<!doctype html>
<html lang="en" {% block tags %}{{ dwell.attributes() }}{% endblock %}>
<title>{% block title %}Shop{% endblock %}</title>
{{ dwell.script }}
<h1>{{ self.title() }}</h1>
""",
    "home.html": '{% extends "layout.html" %}',
    "product.html": """{% extends "layout.html" %}
{% block tags %}{{ dwell.attributes(product=number) }}{% endblock %}
{% block title %}Product {{ number }}{% endblock %}
""",
}

app = FastAPI()
app.add_middleware(DwellMiddleware)

templates = Jinja2Templates(
    env=Environment(loader=DictLoader(TEMPLATES), autoescape=True), context_processors=[tags_in]
)


@app.get("/")
async def home(request: Request) -> Response:
    """Its view is `middleware_fastapi.home`."""
    return templates.TemplateResponse(request, "home.html")


@app.get("/products/{number}")
async def product(request: Request, number: int) -> Response:
    """Its view is `middleware_fastapi.product`, whichever product it shows; the identity says which."""
    return templates.TemplateResponse(request, "product.html", {"number": number})
