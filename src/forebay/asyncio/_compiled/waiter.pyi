from asyncio import Future

class Waiter(Future[None]):
    """The future of one read: it can resume the task that awaits it at once, without a turn of the loop."""
