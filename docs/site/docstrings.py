"""How a docstring becomes a part of a page: links instead of names, and lists instead of indented paragraphs."""

import re
from pathlib import Path

import griffe

DOCS = Path(__file__).resolve().parents[1]
# Parameters that only catch wrong options, and name the right ones in an error.
FOR_WRONG_OPTIONS = {"positional", "unknown"}


def places():
    """The last part of each name in the reference, with its whole name."""
    found = {}
    for path in sorted((DOCS / "reference").glob("*.md")):
        for name in re.findall(r"^::: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(name.rpartition(".")[2], name)
    return found


class Docstrings(griffe.Extension):
    def __init__(self):
        self.places = places()

    def on_package(self, *, pkg, **_):
        self.visit(pkg)

    def visit(self, thing):
        if thing.docstring:
            thing.docstring.value = self.in_markdown(thing.docstring.value)
        if thing.is_function:
            for name in FOR_WRONG_OPTIONS & {each.name for each in thing.parameters}:
                del thing.parameters[name]
        for member in thing.members.values():
            if not member.is_alias:
                self.visit(member)

    def in_markdown(self, text):
        # ``term`` with an indented description below it.
        text = re.sub(r"^(``[^`\n]+``)\n(?=    \S)((?:    .*(?:\n|$))+)", self.item, text, flags=re.MULTILINE)
        # `Name`
        text = re.sub(r"(?<![`\w\]])`(\w+)`(?!`)", self.link, text)
        return re.sub(r"\bdocs/([\w-]+)\.md", r"[\1](../\1.md)", text)

    def item(self, match):
        return f"\n- {match[1]}: {' '.join(match[2].split())}\n"

    def link(self, match):
        place = self.places.get(match[1])
        return match[0] if place is None else f"[`{match[1]}`][{place}]"
