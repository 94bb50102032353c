"""Build switches only; the metadata is in pyproject.toml.

FOREBAY_PURE=1      build no extension: the package runs on its pure-Python backend
FOREBAY_SANITIZE=1  AddressSanitizer and UBSan, for the native test runs; =thread: ThreadSanitizer
FOREBAY_DEBUG=1     -O0 -g and C assertions
"""

import inspect
import multiprocessing
import os
import re
import sys
from pathlib import Path
from sysconfig import get_config_var
from tempfile import TemporaryDirectory

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Hand-written Cython: modules with a pure-Python twin in src/forebay, and the awaitables of Python 3.11.
NATIVE = [
    "_buffers.ring",
    "_buffers.chunk_memory",
    "_buffers.chunk_queue",
    "_core.scheduling.awaits",
    "_core.scheduling.calls",
    "_system.syscalls",
    "_system.small_files",
    "_tls.records",
    "_core.scheduling.fifo",
    "asyncio._compiled.receive_area",
    "asyncio._compiled.attempts",
    "asyncio._compiled.buffer_attribute",
    "asyncio._compiled.method_descriptors",
    "formats._checks",
    "sql._drivers.row_feed",
]
# Python sources that Cython compiles as they stand, typed by the .pxd beside each. Constants are for the pure backend:
# compiled code takes them from the .pxd, as an enum.
COMPILED = sorted(
    str(path.relative_to("src/forebay").with_suffix("")).replace(os.sep, ".")
    for path in Path("src/forebay").rglob("*.pxd")
    if path.with_suffix(".py").exists() and path.stem not in ("__init__", "constants")
)

# Not optimized: the build takes a quarter of the time, and no access is removed before it is checked. Freelists would hide
# from the sanitizers what uses an object after its end.
SANITIZE = (
    "-O0 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-wrapv -fno-omit-frame-pointer"
    " -DCYTHON_USE_FREELISTS=0 -DFOREBAY_REUSE=0"
)

# Optimized: fast threads meet more often.
SANITIZE_THREADS = "-O1 -g1 -fsanitize=thread -fno-omit-frame-pointer -DFOREBAY_REUSE=0"

# Names the functions that are seldom called.
RARE = "ext/forebay/rare.h"

# Tables to unwind the stack are for C++ and debuggers, and a fifteenth of a module; so is space to align jumps.
RELEASE = [
    *(
        "-g0",
        "-fvisibility=hidden",
        "-Wno-unused-function",
        "-fno-asynchronous-unwind-tables",
        "-fno-unwind-tables",
    ),
    *("-include", RARE),
    *("-fno-align-functions", "-fno-align-jumps", "-fno-align-loops"),
]

# Of gcc: without these, code is a fifteenth larger and takes as many instructions. The first saves a jump in each call of
# a function of Python.
SMALLER = [
    *("-fno-plt", "-freorder-blocks-algorithm=simple", "-fno-tree-vectorize"),
    *("-fno-inline-functions", "-fno-partial-inlining", "-fno-code-hoisting"),
]
# Calls of hooks are to be inlined; gcc's bound for that is a little too low for them.
INLINING = ["--param=max-inline-insns-single=100"]

# Debug information would be four fifths of a module; symbols, and the space between its parts, a fifth of the rest.
SMALL = ["-Wl,-s", "-Wl,--gc-sections", "-Wl,-z,noseparate-code"]

NEEDS = (
    "It needs a C compiler and the headers of Python (Debian: apt install gcc python3-dev; "
    "macOS: xcode-select --install). FOREBAY_PURE=1 builds the slower pure-Python backend."
)


def flags() -> tuple[list[str], list[str]]:
    """Return the arguments of the compiler and of the linker."""
    if os.environ.get("FOREBAY_SANITIZE") == "thread":
        return SANITIZE_THREADS.split(), ["-fsanitize=thread"]
    if os.environ.get("FOREBAY_SANITIZE"):
        return SANITIZE.split(), ["-fsanitize=address,undefined"]
    if os.environ.get("FOREBAY_DEBUG"):
        return ["-O0", "-g", "-UNDEBUG"], []
    clang = "clang" in (os.environ.get("CC") or get_config_var("CC") or "") or sys.platform == "darwin"
    return [*RELEASE, "-O2", *([] if clang else SMALLER + INLINING)], SMALL if sys.platform == "linux" else []


def refuse_platforms() -> None:
    """Refuse, in one line, to build what cannot run."""
    if sys.platform == "win32":
        raise SystemExit("forebay: Windows is not supported; it runs on Linux and macOS, and in WSL")
    if sys.implementation.name != "cpython":
        raise SystemExit(f"forebay: {sys.implementation.name} is not supported; it needs CPython")
    if sys.maxsize < 2**32:
        raise SystemExit("forebay: a 32-bit Python is not supported; it needs a 64-bit one")


def embed_class_signatures() -> None:
    """Have Cython put the signature of a class's ``__init__`` where `inspect` and `help` look for it.

    Cython does so for functions and methods only.
    """
    from Cython.Compiler import AutoDocTransforms
    from Cython.Compiler.StringEncoding import EncodedString

    class EmbedClassSignatures(AutoDocTransforms.EmbedSignature):  # type: ignore[misc]
        def visit_DefNode(self, node):  # type: ignore[no-untyped-def]
            node = super().visit_DefNode(node)
            if node.name in ("__init__", "__cinit__") and node.entry.is_special and node.entry.doc:
                arguments = re.sub(r"^__c?init__\((\$?self(, )?)?", "", node.entry.doc.partition("\n--\n")[0])
                scope = self.class_node.entry.type.scope
                text = inspect.cleandoc(scope.doc or "")
                scope.doc = EncodedString(f"{self.class_name}({arguments}\n--\n\n{text}")
            return node

    AutoDocTransforms.EmbedSignature = EmbedClassSignatures


def accept_missing_tracebacks() -> None:
    """Let compiled code return from an ``except`` clause when there was no memory for the traceback.

    Cython's code releases the caught exception as if it always had one.
    """
    from Cython.Compiler.Code import CCodeWriter
    from Cython.Compiler.Nodes import ReturnStatNode

    generate = ReturnStatNode.generate_execution_code
    release = CCodeWriter.put_decref_clear

    def generate_return(self, code):  # type: ignore[no-untyped-def]
        if code.funcstate.exc_vars:
            CCodeWriter.put_decref_clear = CCodeWriter.put_xdecref_clear
        try:
            generate(self, code)
        finally:
            CCodeWriter.put_decref_clear = release

    ReturnStatNode.generate_execution_code = generate_return


# Cython's code for the keyword arguments of a constructor: what it releases when there is no memory for their names.
_CLEARED = {
    "PyObject *stack_args[5];": "PyObject *stack_args[5] = {0};",
    "PyMem_Malloc(((size_t)total_size)*sizeof(PyObject*))": "PyMem_Calloc((size_t)total_size, sizeof(PyObject*))",
}


def clear_arguments(modules: list[Extension]) -> None:
    """Have constructors begin with empty places for their arguments, because they release all places after a failure."""
    for path in (Path(source) for module in modules for source in module.sources):
        text = code = path.read_text() if path.suffix == ".c" and path.exists() else ""
        for before, after in _CLEARED.items():
            code = code.replace(before, after)
        if code != text:
            path.write_text(code)


def extensions() -> list[Extension]:
    if os.environ.get("FOREBAY_PURE"):
        print("forebay: FOREBAY_PURE is set, building the pure-Python backend", file=sys.stderr)
        return []
    sources = {name: f"ext/forebay/{name.replace('.', '/')}.pyx" for name in NATIVE}
    sources |= {name: f"src/forebay/{name.replace('.', '/')}.py" for name in COMPILED}
    compile_args, link_args = flags()
    return [
        Extension(
            f"forebay.{name}",
            [path],
            extra_compile_args=compile_args,
            extra_link_args=link_args,
            depends=[RARE],
        )
        for name, path in sources.items()
    ]


def translate(modules: list[Extension]) -> None:
    """Translate the sources of the modules to C, and put the C files in their place."""
    from Cython.Build import cythonize

    embed_class_signatures()
    accept_missing_tracebacks()
    # Cython's own processes have to inherit the changes above. A new interpreter, which macOS and Python 3.14 start unless
    # told otherwise, would not, and would run this file again.
    multiprocessing.set_start_method("fork", force=True)
    translated = cythonize(
        modules,
        include_path=["ext", "src"],
        build_dir="build/cython",
        nthreads=os.cpu_count() or 1,
        compiler_directives={
            "language_level": 3,
            "binding": False,
            "annotation_typing": False,
            "auto_pickle": False,
            "freethreading_compatible": True,
            "initializedcheck": False,
            "embedsignature": True,
            "embedsignature.format": "clinic",
        },
    )
    sources = {module.name: module.sources for module in translated}
    for module in modules:
        module.sources = sources[module.name]
    clear_arguments(modules)


class BuildAllOrFail(build_ext):
    """Build every module, or fail: the compiled backend needs them all, and the slower one should be a choice."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:
            # Modules of two builds do not fit together.
            for ext in self.extensions:
                Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
            raise SystemExit(
                f"forebay: the compiled backend could not be built ({error}). {NEEDS}"
            ) from error

    def build_extensions(self) -> None:
        # Only here, for every step of a build reads this file, and most of them need no C code.
        self.check_compiler()
        translate([module for module in self.extensions if not module.sources[0].endswith(".c")])
        super().build_extensions()

    def check_compiler(self) -> None:
        """Compile a line with Python's headers: Cython takes a while, and the compiler may be missing."""
        with TemporaryDirectory() as folder:
            probe = Path(folder, "probe.c")
            probe.write_text("#include <Python.h>\n")
            self.compiler.compile([str(probe)], output_dir=folder, include_dirs=self.include_dirs)

    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except Exception:
            # Cython takes C code for current that an interrupted build has cut off.
            for source in map(Path, ext.sources):
                if source.is_relative_to("build"):
                    source.unlink(missing_ok=True)
            raise


refuse_platforms()
setup(ext_modules=extensions(), cmdclass={"build_ext": BuildAllOrFail})
