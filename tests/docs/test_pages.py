"""The pages: how they begin, where their links lead, and what the built site asks of the network."""

import html
import importlib.util
import re
import tomllib
import urllib.parse
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
# The files that are read on GitHub as well as on the site, and those that are read there only.
ON_GITHUB = ["README.md", "CONTRIBUTING.md"]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="only with the documentation")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_what_its_reader_can_do(page):
    title, intro, *_ = (DOCS / page).read_text(encoding="utf-8").split("\n\n")
    assert re.fullmatch(r"# .+", title)
    assert re.match(r"After this page you (?:can|know)\b", intro)


def test_every_page_is_in_the_navigation():
    text = (DOCS / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    listed = re.findall(r"[\w/-]+\.md", text[text.index("\nnav:") :])
    assert sorted(listed) == PAGES


def anchors_of_markdown(path):
    """The anchors that GitHub gives the headings of a file."""
    titles = re.findall(r"^#+ (.*?)(?: \{.*\})?$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", ON_GITHUB)
def test_links_of_the_top_level_lead_to_files(name):
    dead = []
    for target in LINK.findall((ROOT / name).read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        place = ROOT / path if path else ROOT / name
        if not place.exists() or (anchor and anchor not in anchors_of_markdown(place)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_pages_lead_to_files(page):
    """For a reader of the repository; the site has tests of its own."""
    targets = LINK.findall((DOCS / page).read_text(encoding="utf-8"))
    paths = {target.partition("#")[0] for target in targets if not target.startswith("#")}
    assert [path for path in sorted(paths) if not (DOCS / page).parent.joinpath(path).exists()] == []


def test_every_page_can_be_reached_from_the_first_one():
    found, rest = set(), {"index.md"}
    while rest:
        page = rest.pop()
        found.add(page)
        for target in LINK.findall((DOCS / page).read_text(encoding="utf-8")):
            path = ((DOCS / page).parent / target.partition("#")[0]).resolve()
            if path.suffix == ".md" and path.is_relative_to(DOCS):
                rest.add(path.relative_to(DOCS).as_posix())
        rest -= found
    assert sorted(found) == PAGES


def test_the_first_page_names_every_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    table = text.partition("| extra | for |\n")[2].partition("\n\n")[0]
    first_column = "\n".join(row.split("|")[1] for row in table.splitlines())
    assert sorted(re.findall(r"`([\w-]+)`", first_column)) == sorted(project["optional-dependencies"])


def read_site(site):
    return {
        path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")
    }


def test_links_and_anchors_of_the_site_lead_somewhere(site):
    """Those of the docstrings too, which the build does not see all of."""
    pages = read_site(site)
    anchors = {name: set(re.findall(r'\bid="([^"]*)"', text)) for name, text in pages.items()}
    dead = []
    for name, text in pages.items():
        if name == "404.html":
            # Its links begin at the root of the server.
            continue
        for target in re.findall(r'\bhref="([^"]*)"', text):
            url = urllib.parse.urlsplit(html.unescape(target))
            if url.scheme or url.netloc:
                continue
            path = (site / name).parent / urllib.parse.unquote(url.path) if url.path else site / name
            if path.is_dir():
                path = path / "index.html"
            place = path.resolve().relative_to(site.resolve()).as_posix()
            anchor = urllib.parse.unquote(url.fragment)
            if not path.exists() or (
                anchor and place in anchors and anchor not in anchors[place] | {"__top"}
            ):
                dead.append(f"{name}: {target}")
    assert dead == []


def test_the_site_fetches_nothing(site):
    fetched = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?(?:https?:)?//[^\s\">]+"
        r"|<link\b[^>]*\brel=\"?(?:stylesheet|preconnect|preload)\"?[^>]*\bhref=\"?(?:https?:)?//[^\s\">]+"
    )
    assert {name: found for name, text in read_site(site).items() if (found := fetched.findall(text))} == {}


@pytest.mark.parametrize(
    ("page", "count"), [("faq.md", 15), ("recipes/*.md", 25)], ids=["questions", "recipes"]
)
def test_there_are_enough_of_them(page, count):
    titles = [
        title for path in DOCS.glob(page) for title in re.findall(r"^## .*$", path.read_text("utf-8"), re.M)
    ]
    assert len(titles) >= count
    assert len(set(titles)) == len(titles)


def test_pictures_show_the_figures_of_their_tables():
    spec = importlib.util.spec_from_file_location("plots", DOCS / "site" / "plots.py")
    plots = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plots)
    for name, draw in plots.PICTURES.items():
        stored = (DOCS / "images" / name).read_text(encoding="utf-8")
        assert stored == draw(), f"draw {name} again: python docs/site/plots.py"
