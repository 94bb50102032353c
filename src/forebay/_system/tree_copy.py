"""Copy a tree of folders with several threads.

Each thread takes work until there is none: a batch of files, or a folder, which it lists and whose files it shares out in
batches. Small files are copied in batches without the interpreter's lock, so that a batch costs one hop between threads.
Folders are entered depth first, and files are not remembered beyond a few batches, so memory is bounded by the names of the
subfolders on the way.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from forebay._system.small_files import SmallFiles, sync_file_system
from forebay._system.tree_entries import Stopped, copy_file, copy_link, kind_of
from forebay._system.tree_folders import (
    FOLDER,
    About,
    Folder,
    Folders,
    make_folder,
    opened_folder,
    refuse_inside,
)

__all__ = ["MOST_JOBS", "Counts", "TreeCopy", "usual_jobs"]

#: The most threads: each has some descriptors open.
MOST_JOBS = 64
#: Files of one batch.
BATCH = 64
#: Batches that may wait, for each thread.
_WAITING_BATCHES = 2
_MOST_USUAL_JOBS = 8
# Seconds between two looks of an idle thread whether the copy was stopped.
_LOOK_SECONDS = 0.1
#: The name of the threads.
THREAD_NAME = "forebay-copy"


def usual_jobs() -> int:
    """The threads of a copy: one for each processor that this process may use, up to 8."""
    try:
        count = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        count = os.cpu_count() or 1
    return min(count, _MOST_USUAL_JOBS)


class Counts:
    """What a copy has done so far. ``failed`` counts what could not be copied."""

    def __init__(self) -> None:
        self.files = 0
        self.folders = 0
        self.links = 0
        self.nbytes = 0
        self.failed = 0


class TreeCopy:
    """One copy of a tree. ``failed`` gets each error of an entry, in any of the threads, one at a time.

    Every other method is for the thread that called `open`, except `stop` and `counts`.
    """

    def __init__(
        self,
        source: str,
        target: str,
        *,
        jobs: int,
        atomic: bool,
        sync: bool,
        failed: Callable[[OSError], None],
    ) -> None:
        self.counts = Counts()
        self._source = source
        self._target = target
        self._jobs = jobs
        self._atomic = atomic
        self._sync = sync
        self._failed = failed
        self._lock = threading.Lock()
        self._reporting = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._batches: deque[tuple[Folder, list[str]]] = deque()
        # Folders whose subfolders are still to be copied, the deepest last.
        self._stack: list[Folder] = []
        # The tasks that run. The first is the listing of the root.
        self._busy = 1
        self._threads: list[threading.Thread] = []
        self._movers: list[SmallFiles] = []
        self._stopped = False
        self._broken: BaseException | None = None

    # ---- from outside

    def start(self) -> None:
        """Open source and target, make the target's folder if there is none, and start the threads.

        Raises OSError, and InvalidArgValueError if the target is the source or is inside it.
        """
        root = self._open_root()
        self._folders = Folders(root, self._source, self._target)
        self._root = root
        try:
            self._movers = [SmallFiles() for _ in range(self._jobs)]
            for i, mover in enumerate(self._movers):
                work = self._begin if i == 0 else self._work
                thread = threading.Thread(target=work, args=(mover,), name=THREAD_NAME, daemon=True)
                thread.start()
                self._threads.append(thread)
        except BaseException:
            self.stop()
            self.finish()
            raise

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most some seconds. Return whether it has come."""
        for thread in self._threads:
            thread.join(seconds)
            if thread.is_alive():
                return False
        return True

    def stop(self) -> None:
        """Have every thread end after its system call. A signal handler may call it: it takes no lock."""
        self._stopped = True
        for mover in self._movers:
            mover.stop()

    @property
    def is_stopped(self) -> bool:
        return self._stopped

    def finish(self) -> None:
        """Wait for the threads, release everything, and sync. Raises what a thread could not report."""
        self.wait()
        try:
            if self._sync and not self._stopped:
                with About(self._target, self._root):
                    sync_file_system(self._root.target)
        finally:
            self._release()
        if self._broken is not None:
            raise self._broken

    def _release(self) -> None:
        folders = [folder for folder, _ in self._batches] + self._stack
        self._batches.clear()
        self._stack.clear()
        for folder in folders:
            folder.close()
        self._folders.close()

    def _open_root(self) -> Folder:
        source = os.open(self._source, FOLDER)
        try:
            refuse_inside(source, self._source, self._target)
            mode = stat.S_IMODE(os.fstat(source).st_mode) & 0o777
            made = make_folder(self._target, mode)
            target = os.open(self._target, FOLDER)
            root = opened_folder(None, "", (source, target), mode if made else None)
        except BaseException:
            os.close(source)
            raise
        self.counts.folders += made
        return root

    # ---- in the threads

    def _begin(self, mover: SmallFiles) -> None:
        """List the root, and then take what there is."""
        self._guarded(partial(self._list, self._root), mover)
        self._work(mover)

    def _work(self, mover: SmallFiles) -> None:
        while True:
            with self._lock:
                task = self._next()
            if task is None:
                return
            self._guarded(task, mover)

    def _next(self) -> Callable[[SmallFiles], None] | None:
        """Return the next task, once there is one; None at the end. The caller holds the lock."""
        while not self._stopped:
            if self._batches:
                self._busy += 1
                return partial(self._copy_files, *self._batches.popleft())
            if self._stack:
                self._busy += 1
                parent = self._stack[-1]
                name = parent.names.pop()
                if not parent.names:
                    self._stack.pop()
                return partial(self._enter, parent, name)
            if not self._busy:
                break
            # `stop` does not wake this thread: a signal handler must not take a lock.
            self._changed.wait(_LOOK_SECONDS)
        return None

    def _guarded(self, task: Callable[[SmallFiles], None], mover: SmallFiles) -> None:
        """Run a task. An error that belongs to no entry ends the copy, and the caller of `finish` gets it."""
        try:
            task(mover)
        except Stopped:
            pass
        except BaseException as error:
            self._broken = error
            self.stop()
        finally:
            with self._lock:
                self._busy -= 1
                self._changed.notify_all()

    def _enter(self, parent: Folder, name: str, mover: SmallFiles) -> None:
        try:
            with self._lock:
                folder, made = self._folders.enter(parent, name)
                self.counts.folders += made
        except OSError as error:
            self._fail(error)
            self._done(parent)
        else:
            self._list(folder, mover)

    def _list(self, folder: Folder, mover: SmallFiles) -> None:
        """Copy the files and links of a folder that is pinned, and note its subfolders."""
        names: list[str] = []
        subfolders: list[str] = []
        try:
            for entry in self._entries(folder):
                if self._stopped:
                    raise Stopped
                if entry.is_dir(follow_symlinks=False):
                    subfolders.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
                    if len(names) == BATCH:
                        self._share(folder, names, mover)
                        names = []
                else:
                    self._copy_other(folder, entry)
            self._copy_names(folder, names, mover)
        finally:
            self._leave(folder, subfolders)

    def _entries(self, folder: Folder) -> Iterator[os.DirEntry[str]]:
        try:
            with About(self._source, folder), os.scandir(folder.source) as entries:
                yield from entries
        except OSError as error:
            self._fail(error)

    def _share(self, folder: Folder, names: list[str], mover: SmallFiles) -> None:
        """Leave a batch to another thread, unless enough of them wait."""
        with self._lock:
            if len(self._batches) < _WAITING_BATCHES * (self._jobs - 1):
                self._folders.pin(folder)
                folder.unfinished += 1
                self._batches.append((folder, names))
                self._changed.notify()
                return
        self._copy_names(folder, names, mover)

    def _copy_files(self, folder: Folder, names: list[str], mover: SmallFiles) -> None:
        try:
            self._copy_names(folder, names, mover)
        finally:
            self._leave(folder, [])

    def _copy_names(self, folder: Folder, names: list[str], mover: SmallFiles) -> None:
        nbytes, left = mover.copy(folder.source, folder.target, names, self._atomic)
        self._count(len(names) - len(left), nbytes)
        for name in left:
            if self._stopped:
                raise Stopped
            about = About(self._source, folder, name), About(self._target, folder, name)
            try:
                nbytes = copy_file(
                    folder.source, folder.target, name, about, self._atomic, lambda: self._stopped
                )
            except OSError as error:
                self._fail(error)
            else:
                self._count(1, nbytes)

    def _copy_other(self, folder: Folder, entry: os.DirEntry[str]) -> None:
        """Copy what is neither a file nor a folder."""
        about = About(self._source, folder, entry.name), About(self._target, folder, entry.name)
        try:
            with about[0]:
                if not entry.is_symlink():
                    mode = entry.stat(follow_symlinks=False).st_mode
                    raise OSError(
                        errno.EINVAL, f"{kind_of(mode)} is not copied; only files, folders and links are"
                    )
            copy_link(folder.source, folder.target, entry.name, about)
        except OSError as error:
            self._fail(error)
        else:
            with self._lock:
                self.counts.links += 1

    def _count(self, files: int, nbytes: int) -> None:
        with self._lock:
            self.counts.files += files
            self.counts.nbytes += nbytes

    def _fail(self, error: OSError) -> None:
        with self._reporting:
            self.counts.failed += 1
            self._failed(error)

    def _leave(self, folder: Folder, subfolders: list[str]) -> None:
        """Note the subfolders of a folder whose files are done, and unpin it."""
        with self._lock:
            if subfolders:
                folder.names = subfolders
                folder.unfinished += len(subfolders)
                self._stack.append(folder)
                self._changed.notify_all()
            self._folders.unpin(folder)
        self._done(folder)

    def _done(self, folder: Folder | None) -> None:
        """Count one thing of a folder as done, and so the folder itself in the one that holds it, when it is."""
        while folder is not None:
            try:
                with self._lock:
                    done = self._folders.done(folder)
            except OSError as error:
                self._fail(error)
                done = True
            folder = folder.parent if done else None
