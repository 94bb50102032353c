(folder / "big.bin").write_bytes(bytes(range(256)) * 1000)
(folder / "names.txt").write_text("ada\ngrace\n")
