"""``python -m forebay``: the command, without its script."""

from forebay.cli import command

if __name__ == "__main__":
    command()
