(folder / "names.txt").write_text("ada\ngrace\n")
