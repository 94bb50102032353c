"""What the build adds to the pages: lists of names and of recipes, the news, and files that stand outside of docs/."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
KINDS = {
    "feature": "New",
    "bugfix": "Fixed",
    "change": "Changed",
    "removal": "Removed",
    "doc": "Documentation",
}
# A line of its own. Who reads the files follows the link; the site has the content in its place.
LINK_OUT_OF_DOCS = re.compile(r"^\[[^\]]+\]\(\.\./(?P<path>[^)]+)\)$", re.MULTILINE)
# Pages that answer questions come first in the search. The drop-in has many names that occur elsewhere.
BOOSTS = {
    "recipes/": 3,
    "faq.md": 3,
    "tutorial.md": 2,
    "glossary.md": 2,
    "reference/asyncio.md": 0.3,
    "node-differences.md": 0.5,
}


def on_page_markdown(markdown, *, page, config, files):
    for start, boost in BOOSTS.items():
        if page.file.src_uri.startswith(start):
            page.meta["search"] = {"boost": boost}
    markdown = LINK_OUT_OF_DOCS.sub(content_of_link, markdown)
    maker = {"reference/index.md": names_by_module, "recipes/index.md": recipes}.get(page.file.src_uri)
    return markdown if maker is None else f"{markdown}\n\n{maker()}\n"


def content_of_link(match):
    path = match["path"]
    if path == "CONTRIBUTING.md":
        return contributing()
    if path == "CHANGES":
        return news()
    return f"```python\n{(ROOT / path).read_text(encoding='utf-8').rstrip()}\n```"


def names_by_module():
    """A table for each module: its names, with links to their places in the reference."""
    modules = {}
    for path in sorted((DOCS / "reference").glob("*.md")):
        for name in re.findall(r"^::: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            module, _, short = name.rpartition(".")
            modules.setdefault(module, []).append(f"[`{short}`]({path.name}#{name})")
    return "\n\n".join(
        f"## {module} {{ #module-{module.replace('.', '-')} }}\n\n" + " · ".join(sorted(names, key=str.lower))
        for module, names in sorted(modules.items())
    )


def recipes():
    """The titles of all recipes, page by page."""
    parts = []
    order = re.findall(r"recipes/([\w-]+\.md)", (DOCS / "site" / "mkdocs.yml").read_text(encoding="utf-8"))
    for path in (DOCS / "recipes" / name for name in order if name != "index.md"):
        text = path.read_text(encoding="utf-8")
        title = re.search(r"^# (.*)$", text, re.MULTILINE)[1]
        parts.append(f"## [{title}]({path.name})\n")
        parts += [
            f"- [{each}]({path.name}#{slug(each)})" for each in re.findall(r"^## (.*)$", text, re.MULTILINE)
        ]
        parts.append("")
    return "\n".join(parts)


def slug(title):
    """The anchor that MkDocs makes of a heading."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())


def news():
    """The released news, and above them the fragments of CHANGES/ that the next release will have."""
    parts = []
    for kind, title in KINDS.items():
        texts = [
            path.read_text(encoding="utf-8").strip()
            for path in sorted((ROOT / "CHANGES").glob(f"*.{kind}.md"))
        ]
        if texts:
            parts += [f"### {title}\n", *(f"- {text}" for text in texts), ""]
    if parts:
        parts.insert(0, "## Not released yet\n")
    released = ROOT / "CHANGELOG.md"
    if released.exists():
        parts.append(re.sub(r"^# .*$", "", released.read_text(encoding="utf-8"), flags=re.MULTILINE))
    return "\n".join(parts)


def contributing():
    """CONTRIBUTING.md of the repository, with its links seen from docs/."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.sub(r"^# .*\n", "", text).replace("](docs/", "](")


def on_post_page(output, *, page, config):
    """Take the script that makes search work from the disk out of the site itself: the theme would fetch it."""
    up = "../" * page.file.src_uri.count("/")
    return output.replace("https://unpkg.com/iframe-worker/shim", f"{up}images/search-from-disk.js")


def on_post_template(output, *, template_name, config):
    """A server sends 404.html for any path. It is never opened from the disk."""
    return output.replace('<script src="https://unpkg.com/iframe-worker/shim"></script>', "")
