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


def comment_above(attribute):
    """The ``#:`` comment of an attribute: above it, or behind it."""
    lines = attribute.filepath.read_text(encoding="utf-8").splitlines()
    last = attribute.lineno - 1
    if last >= len(lines) or attribute.name not in lines[last]:
        # It is that of a stub, which describes no attributes.
        return ""
    behind = re.search(r"#: (.*)$", lines[last])
    if behind:
        return behind[1]
    first = last
    while first and lines[first - 1].strip().startswith("#:"):
        first -= 1
    return " ".join(line.strip().removeprefix("#:").strip() for line in lines[first:last])


def other_name(attribute):
    """What to say of ``add_listener = on``."""
    name = str(attribute.value)
    known = (
        attribute.parent and name in attribute.parent.members and attribute.parent.members[name].is_function
    )
    return f"Another name of `{name}`." if known else ""


class Docstrings(griffe.Extension):
    def __init__(self):
        self.places = places()

    def on_package(self, *, pkg, **_):
        # The stubs of the buffers have their documentation. The import that is read last is that of the pure backend.
        for name, module in (("ChunkQueue", "chunk_queue"), ("RingBuffer", "ring")):
            described = pkg["_buffers"][module][name]
            pkg["_buffers"].members[name].target = pkg.members[name].target = described
        # These bases are chosen when the module is imported.
        for name, core in (("reader.StreamReader", "ReaderCore"), ("writer.StreamWriter", "WriterCore")):
            described = pkg["asyncio"][name]
            described.bases[0] = griffe.ExprName(core, parent=described.parent)
        self.visit(pkg)

    def visit(self, thing):
        if thing.is_attribute and not thing.docstring:
            text = comment_above(thing) or other_name(thing)
            if text:
                thing.docstring = griffe.Docstring(text, parent=thing)
        if thing.docstring:
            thing.docstring.value = self.in_markdown(thing.docstring.value)
        if thing.is_function:
            for name in FOR_WRONG_OPTIONS & {each.name for each in thing.parameters}:
                del thing.parameters[name]
        for member in thing.members.values():
            if not member.is_alias:
                self.visit(member)
                if member.is_function and not member.docstring and thing.is_class:
                    self.inherit(member, thing)

    @staticmethod
    def inherit(method, cls):
        """Take the docstring of the method that this one overrides."""
        for base in cls.mro():
            overridden = base.members.get(method.name)
            if overridden is not None and overridden.docstring:
                method.docstring = overridden.docstring
                return

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
