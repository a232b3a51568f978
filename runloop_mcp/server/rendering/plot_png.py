"""A plot as PNG, for clients and models that see no SVG. Pillow draws it, which the extra `plots` brings.

Its font has Latin letters alone: what a name has beside them is a box, and stands in the description.
"""

import io
from typing import Final

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from runloop_mcp.server.rendering.plot import Bar, Ink, Plot

_PAPER: Final = "#ffffff"
_COLOURS: Final = {
    Ink.PLAIN: "#1c1b1a",
    Ink.STRONG: "#1c1b1a",
    Ink.QUIET: "#57534e",
    Ink.TRACK: "#e7e5e2",
    Ink.FULL: "#116329",
    Ink.PART: "#7d4e00",
    Ink.NONE: "#a40e26",
}
_LETTERS: Final = 12
_SHARP: Final = 2
"""Times the plot's pixels, on screens that show small letters well."""
_LONGEST_SIDE: Final = 1568
"""Pixels of a side beyond which models are shown a picture that is made smaller: then it is better drawn so."""


def png(plot: Plot) -> bytes:
    """The file; takes some milliseconds, for a thread."""
    scale = _SHARP if max(plot.width, plot.height) * _SHARP <= _LONGEST_SIDE else 1
    image = Image.new("RGB", (plot.width * scale, plot.height * scale), _PAPER)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(_LETTERS * scale)
    for part in plot.parts:
        colour = _COLOURS[part.ink]
        if isinstance(part, Bar):
            top, bottom = round(part.top * scale), round((part.top + part.height) * scale)
            if bottom > top:
                draw.rectangle((part.left * scale, top, (part.left + part.width) * scale - 1, bottom - 1), fill=colour)
        else:
            anchor = "ms" if part.middle else "ls"
            draw.text((part.x * scale, part.baseline * scale), part.text, fill=colour, font=font, anchor=anchor)
    about = PngInfo()
    about.add_itxt("Title", plot.title)
    about.add_itxt("Description", plot.description)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True, pnginfo=about)
    return file.getvalue()
