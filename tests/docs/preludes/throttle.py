(folder / "big.bin").write_bytes(bytes(50_000))
