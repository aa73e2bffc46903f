"""Pages by Flask, measured by Dwell behind the same proxy (proxies/nginx-flask.conf).

Nothing of Dwell is imported here, and any WSGI application can do the same. To try it, run
`flask --app flask_shop run`, `dwell up` and nginx.
"""

from flask import Flask, current_app, render_template_string, request

LAYOUT = """<!doctype html>
<html lang="en" data-dwell-view="{{ view }}" data-dwell-identity="{{ identity | tojson | forceescape }}">
<title>{{ title }}</title>
<script src="/dwell/beacon.js" async></script>
<h1>{{ title }}</h1>
<a href="/products/7">Product 7</a>
"""

app = Flask(__name__)


def page(title: str) -> str:
    """A page of the view that answers this request, with its arguments as identity."""
    view = current_app.view_functions[request.endpoint]
    return render_template_string(
        LAYOUT,
        title=title,
        view=f"{view.__module__}.{view.__qualname__}",
        identity=request.view_args or {},
    )


@app.get("/")
def home() -> str:
    """Its view is `flask_shop.home`."""
    return page("Shop")


@app.get("/products/<int:number>")
def product(number: int) -> str:
    """Its view is `flask_shop.product`, and its identity has the number."""
    return page(f"Product {number}")
