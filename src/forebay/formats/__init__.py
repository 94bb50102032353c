"""Stages between bytes and rows: `forebay.formats.csv`, `forebay.formats.json` and `forebay.formats.arrow`."""
