"""The signature of a class whose constructor is a compiled method of its base."""

from __future__ import annotations

import inspect
from types import MethodDescriptorType


class InitSignature:
    """The ``__signature__`` of such a class, and of its subclasses that have no constructor of their own.

    From Python 3.13, `inspect.signature` binds the ``__init__`` of a class to the class, which a compiled method refuses.
    """

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        init = inspect.getattr_static(owner, "__init__")
        if not isinstance(init, MethodDescriptorType):
            raise AttributeError("__signature__")
        signature = inspect.signature(init)
        return signature.replace(parameters=list(signature.parameters.values())[1:])
