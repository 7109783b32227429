"""The words in HTML. The result is for searching and previews, never for showing as HTML."""

from html import unescape

_HIDDEN = ("script", "style", "head")


def html_text(html: str) -> str:
    """Return what stands between the tags; in linear time, unlike regular expressions on ``<<<<``."""
    first, *pieces = html.split("<")
    visible = [first]
    hidden = ""
    for piece in pieces:
        tag, _, text = piece.partition(">")
        name = tag.partition(" ")[0].lower()
        if hidden:
            hidden = "" if name == f"/{hidden}" else hidden
        elif name in _HIDDEN:
            hidden = name
        if not hidden:
            visible.append(text)
    return unescape(" ".join(visible))
