"""Stages between bytes and rows, lines, frames or parts.

They are `forebay.formats.csv`, `forebay.formats.json`, `forebay.formats.arrow`, `forebay.formats.lines`, `forebay.formats.frames`
and `forebay.formats.multipart`.
"""
