from typing import final

@final
class Fifo:
    size: int
    def __init__(self) -> None: ...
