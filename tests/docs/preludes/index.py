(folder / "big.bin").write_bytes(bytes(200_000))
