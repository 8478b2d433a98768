"""A film with controls, in HTML that needs nothing but itself."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO
from itertools import chain
from json import dumps
from secrets import token_hex
from string import Template
from typing import TYPE_CHECKING

from viz.film.palette import COLORS, in_few_colors, over
from viz.language import said

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from PIL import Image

MILLISECONDS = 100  # a frame
LAST_STAYS = 20  # frames

PAGE = Template("""
<div id="$name" role="group" aria-label="$film" style="max-width: ${width}px; font-family: sans-serif">
<div style="position: relative">
<img alt="$film" src="$ground" style="display: block; width: 100%; max-width: none; margin: 0">
<img alt="" src="$last" style="position: absolute; left: 0; top: 0; width: 100%; max-width: none; margin: 0">
</div>
<div style="display: flex; gap: 4px; align-items: center; padding: 4px">
<button type="button" title="$to_first" aria-label="$to_first">|&lt;</button>
<button type="button" title="$back" aria-label="$back">&lt;</button>
<button type="button" style="min-width: 7em">$play</button>
<button type="button" title="$forwards" aria-label="$forwards">&gt;</button>
<button type="button" title="$to_last" aria-label="$to_last">&gt;|</button>
<input type="range" min="0" max="$end" value="$end" aria-label="$frame" style="flex: 1; min-width: 0">
</div>
<script>
(() => {
  const film = document.getElementById("$name"), over = film.querySelectorAll("img")[1];
  const [first, back, play, forwards, last] = film.querySelectorAll("button"), slider = film.querySelector("input");
  const frames = $frames.map(frame => "data:image/png;base64," + frame);
  let timer = 0;
  const at = () => Number(slider.value);
  const show = frame => { slider.value = frame; over.src = frames[at()]; };
  const stop = () => { clearTimeout(timer); timer = 0; play.textContent = "$play"; };
  const go = frame => { stop(); show(frame); };
  const wait = () => { timer = setTimeout(next, $milliseconds * (at() < $end ? 1 : $stays)); };
  const next = () => { if (film.isConnected) { show(at() < $end ? at() + 1 : 0); wait(); } };
  first.onclick = () => go(0);
  back.onclick = () => go(at() - 1);
  play.onclick = () => { if (timer) stop(); else { play.textContent = "$pause"; next(); } };
  forwards.onclick = () => go(at() + 1);
  last.onclick = () => go($end);
  slider.oninput = () => go(at());
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play.onclick();
})();
</script>
</div>
""")


def player_of(take: Callable[[int], np.ndarray], steps: np.ndarray) -> str:
    """HTML in which a film plays: the first frame, and over it what the others have that it hasn't. Where no scripts
    run the last one is shown."""
    images = in_few_colors(take, steps)
    ground = next(images)
    frames = [png(over(image, ground), transparency=COLORS) for image in chain([ground], images)]
    texts = {
        "film": said("a run of training, step by step"),
        "play": said("play"),
        "pause": said("pause"),
        "to_first": said("to the first frame"),
        "back": said("a frame back"),
        "forwards": said("a frame forwards"),
        "to_last": said("to the last frame"),
        "frame": said("frame"),
    }
    return PAGE.substitute(
        {name: escape(text) for name, text in texts.items()},
        name=f"film-{token_hex(8)}",
        width=ground.width,
        ground=f"data:image/png;base64,{png(ground)}",
        last=f"data:image/png;base64,{frames[-1]}",
        frames=dumps(frames),
        end=len(frames) - 1,
        milliseconds=MILLISECONDS,
        stays=LAST_STAYS,
    )


def png(image: Image.Image, **options: int) -> str:
    """An image as PNG in base64."""
    file = BytesIO()
    image.save(file, format="PNG", **options)
    return b64encode(file.getvalue()).decode()
