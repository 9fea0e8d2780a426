"""Where the book's program reads Markdown otherwise than forges do."""

import re


def on_page_content(html, **_):
    # It leaves the backslash that keeps a bar inside code from ending a table's cell.
    return re.sub(r"<td.*?</td>", lambda cell: cell[0].replace("\\|", "|"), html, flags=re.DOTALL)
