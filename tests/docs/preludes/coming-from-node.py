(folder / "in.txt").write_text("hello")
