(folder / "words.txt").write_bytes(b"pear\napple\nfig\napple\n" * 10)
