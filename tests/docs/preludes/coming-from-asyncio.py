(folder / "some.txt").write_text("some text")
