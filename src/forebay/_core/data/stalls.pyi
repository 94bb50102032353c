class Stalls: ...

def stalls_of(stalls: Stalls | None) -> tuple[int, float]:
    """Count and seconds; of a stream that never stalled, too."""
