"""Stages between bytes and rows: `forebay.formats.csv` and `forebay.formats.json`."""
