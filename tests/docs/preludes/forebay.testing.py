import asyncio

from forebay.testing import check_readable
