"""Stages between bytes and rows, lines, frames or parts.

They are `forebay.formats.csv`, `forebay.formats.json`, `forebay.formats.arrow`, `forebay.formats.lines` and
`forebay.formats.frames`.
"""
