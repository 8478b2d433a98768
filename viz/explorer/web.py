"""The explorer in a browser: a page on this machine, of which everyone who opens it has a figure of their own.

By matplotlib's own canvas and script for browsers, WebAgg, and tornado.
"""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_webagg_core import FigureCanvasWebAggCore, FigureManagerWebAgg

from viz.explorer import layout
from viz.explorer.live import LiveFigure
from viz.explorer.window import Explorer
from viz.language import said

if TYPE_CHECKING:
    from collections.abc import Callable

    from viz.explorer.problem import Problem
    from viz.explorer.run import Settings

HOST = "127.0.0.1"  # nobody else's machine sees the page
NAMES = r"(127\.0\.0\.1|localhost)"  # by which it may be asked for: a page elsewhere that is made to point here isn't
PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static/css/mpl.css">
<style>
html, body {{ margin: 0; height: 100%; overflow: hidden; background: white; }}
.ui-dialog-titlebar, .mpl-toolbar {{ display: none; }}
#gone {{ display: none; position: fixed; inset: 0 0 auto 0; z-index: 9; padding: 1em; background: #FFF3C4;
         font: 1em sans-serif; text-align: center; }}
</style>
<script src="mpl.js"></script>
<script>mpl.toolbar_items = [];</script>
</head>
<body>
<div id="gone">{gone}</div>
<div id="figure"></div>
<script>
const socket = new WebSocket(`ws://${{location.host}}${{location.pathname.replace(/[^/]*$/, "")}}socket`);
const figure = new mpl.figure("explorer", socket, () => {{}}, document.getElementById("figure"));
figure.canvas_div.style.border = "none";
figure.canvas_div.style.resize = "none";

const area = figure.canvas_div;
area.setAttribute("role", "application");
area.setAttribute("aria-label", document.title);

// The figure is as large as the page, in the screen's own pixels, of which zooming makes more.
const fit = () => {{
  if (figure.ratio !== window.devicePixelRatio) {{
    figure.ratio = window.devicePixelRatio;
    figure.send_message("set_device_pixel_ratio", {{device_pixel_ratio: figure.ratio}});
  }}
  figure._resize_canvas(window.innerWidth, window.innerHeight, true);
}};
const opened = socket.onopen;
socket.onopen = () => {{ opened(); fit(); }};
window.onresize = fit;
figure.handle_resize = () => {{}};

// A picture holds what differs from the last one, so the next is asked for when that is drawn.
let decoding = false, asked = false;
const ask = figure.send_draw_message, draw = figure.imageObj.onload, receive = socket.onmessage;
figure.send_draw_message = () => {{ decoding ? asked = true : ask.call(figure); }};
socket.onmessage = event => {{ if (event.data instanceof Blob) decoding = true; receive(event); }};
figure.imageObj.onload = () => {{
  const image = figure.imageObj, canvas = figure.canvas;
  if (canvas.width !== image.width || canvas.height !== image.height) {{
    canvas.width = image.width;
    canvas.height = image.height;
  }}
  draw();
  decoding = false;
  if (asked) {{ asked = false; ask.call(figure); }}
}};

// A drag goes on outside of the page; a finger is a mouse; a double click is two clicks, not a third that nothing ends.
area.style.touchAction = "none";
area.addEventListener("pointerdown", event => area.setPointerCapture(event.pointerId));
const mouse = {{pointerdown: "mousedown", pointermove: "mousemove", pointerup: "mouseup", pointercancel: "mouseup"}};
for (const name in mouse) area.addEventListener(name, event => {{
  if (event.pointerType === "mouse" || !event.isPrimary) return;
  event.preventDefault();
  area.dispatchEvent(new MouseEvent(mouse[name], event));
}});
window.addEventListener("dblclick", event => event.stopPropagation(), true);

// Keys that are held repeat.
window.addEventListener("keydown", () => {{ figure._key = null; }}, true);
socket.onclose = () => {{ document.getElementById("gone").style.display = "block"; }};
</script>
</body>
</html>
"""


def serve(problem: Problem, settings: Settings, port: int = 0, opened: Callable[[str], None] = print) -> None:
    """Serves the explorer on this machine until Ctrl-C; `opened` is called with the address of the page.

    A port of 0 is any that is free. ValueError for a port that can't be had, and without tornado.
    """
    try:
        import tornado  # noqa: F401  # what needs it is imported where it is used
    except ImportError:
        found = 'web needs tornado, which is not installed (pip install "logreg-kernels[web]")'
        raise ValueError(f"{found}; accepted: a window, without it") from None
    asyncio.run(serving(application(problem, settings), listening_at(port), opened))


def listening_at(port: int) -> socket.socket:
    """A socket at a port of this machine; ValueError for one that can't be had."""
    accepted = "accepted: 0, or one from 1 to 65535 that is free"
    if not 0 <= port <= 65535:
        raise ValueError(f"port is {port}; {accepted}")
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise ValueError(f"port is {port}; {accepted} ({error})") from None
    listening.setblocking(False)
    return listening


async def serving(pages: Any, listening: socket.socket, opened: Callable[[str], None]) -> None:
    from tornado.httpserver import HTTPServer

    HTTPServer(pages).add_socket(listening)
    opened(f"http://{HOST}:{listening.getsockname()[1]}/")
    await asyncio.Event().wait()


def application(problem: Problem, settings: Settings) -> Any:
    """The tornado application: the page, its script and style, and a socket for each that is open."""
    from tornado.web import Application, RequestHandler, StaticFileHandler
    from tornado.websocket import WebSocketClosedError, WebSocketHandler

    class Page(RequestHandler):
        def get(self) -> None:
            self.write(page())

    class Script(RequestHandler):
        def get(self) -> None:
            self.set_header("Content-Type", "application/javascript")
            self.write(FigureManagerWebAgg.get_javascript())

    class Socket(WebSocketHandler):
        """One page: its explorer lives as long as its connection."""

        def open(self, *args: str, **kwargs: str) -> None:
            figure = LiveFigure(figsize=layout.SIZE, layout="none")
            self.canvas = FigureCanvasWebAggCore(figure)
            self.manager = FigureManagerWebAgg(self.canvas, id(self))
            self.explorer = Explorer(figure, problem, settings)
            self.manager.add_web_socket(self)

        def on_message(self, message: str | bytes) -> None:
            content = json.loads(message)
            if content["type"] != "supports_binary":
                self.manager.handle_json(content)

        def on_close(self) -> None:
            self.manager.remove_web_socket(self)
            self.explorer.close()

        def send_json(self, content: Any) -> None:
            self.send(json.dumps(content))

        def send_binary(self, picture: bytes) -> None:
            self.send(picture)

        def send(self, message: str | bytes) -> None:
            """Sends a message, or none to a page that is closed meanwhile."""
            with suppress(WebSocketClosedError):
                sent = self.write_message(message, binary=isinstance(message, bytes))
                asyncio.ensure_future(sent).add_done_callback(lambda done: done.exception())

    pages = Application()
    files = {"path": str(Path(FigureManagerWebAgg.get_static_file_path()))}
    own = [("/", Page), ("/mpl.js", Script), ("/socket", Socket), ("/static/(.*)", StaticFileHandler, files)]
    pages.add_handlers(NAMES, own)  # type: ignore[arg-type]
    return pages


def page() -> str:
    from kernels.language import state

    title, gone = said("The loss surface of logistic regression"), said("The explorer was stopped; start it again.")
    return PAGE.format(language=state["language"], title=title, gone=gone)
