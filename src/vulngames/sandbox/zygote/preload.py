"""What every child finds imported."""

import _sitebuiltins
import builtins
import contextlib
import ctypes
import dataclasses
import gc
import importlib
import importlib.machinery
import os
import sys
import types
from collections.abc import Iterator

_LEAN = """
    array bisect calendar cmath collections.abc contextlib copy csv dataclasses datetime decimal enum
    fractions functools hashlib heapq io itertools math numbers operator pprint queue random re statistics
    string struct textwrap threading time traceback typing
"""

# For where files cannot be opened: what is not imported by then cannot be.
_FULL = """
    abc argparse ast asyncio base64 bdb binascii bz2 cmd code codecs codeop colorsys concurrent.futures.thread
    configparser contextvars cProfile difflib dis doctest email.message email.mime.text encodings.ascii
    encodings.cp1252 encodings.idna encodings.latin_1 encodings.punycode encodings.utf_16 encodings.utf_32
    encodings.utf_8_sig errno fcntl filecmp fileinput fnmatch ftplib getopt getpass gettext glob graphlib gzip hmac
    html.parser http.client imaplib inspect ipaddress keyword linecache locale logging logging.handlers lzma mimetypes
    mmap multiprocessing netrc numbers opcode optparse pathlib pdb pickle pickletools pkgutil platform plistlib poplib
    posixpath profile pstats pty py_compile pyclbr quopri resource reprlib runpy sched secrets select selectors shelve
    shlex shutil signal site smtplib socket socketserver sqlite3 ssl stat stringprep symtable subprocess sysconfig
    tabnanny tarfile tempfile timeit token tokenize tomllib trace tracemalloc tty unicodedata unittest unittest.mock
    urllib.parse urllib.request uuid venv warnings wave weakref webbrowser wsgiref.util xml.dom.minidom
    xml.etree.ElementTree xml.sax xmlrpc.client zipapp zipfile zipimport zlib zoneinfo
"""

_NUMPY = """
    numpy.fft numpy.linalg numpy.ma numpy.polynomial numpy.random numpy.lib.stride_tricks numpy.testing numpy.typing
"""

# Extension modules for terminals, windows and tests, which are of no use here or have needs of their own.
_USELESS = "_test _xx xx _ctypes_test _tkinter _curses _dbm _gdbm readline nis ossaudiodev spwd crypt _crypt syslog"

# LiveCodeBench puts these in front of answers to problems with starter code. The order is its own, and
# matters: `builtins` gives back the `pow` and `open` that earlier ones shadow.
PRELUDE = """
    string re datetime collections heapq bisect copy math random statistics itertools functools operator io
    sys json builtins typing
"""


@dataclasses.dataclass(frozen=True)
class Profile:
    """What is imported before children are forked, beside the lean part of the standard library."""

    modules: str = ""
    package: str = ""
    """What must be installed for it."""


PROFILES = {
    "lean": Profile(),
    "full": Profile(_FULL),
    "numpy": Profile(_NUMPY, "numpy"),
}
"""`lean` forks fastest, and the rest of the standard library is imported by whoever asks for it. `full` has it all at
hand, and is what `lean` becomes where files cannot be opened. `numpy` has that package, of which no more can be
imported."""


def preload(profile: str, folder: str, full: bool) -> types.ModuleType:
    """Import what children are likely to need; return a blank module for answers to starter code.

    A child cannot map code, so that of extension modules is mapped here, and what they import is left to whoever asks
    for it. With `full` they are imported, and so is the standard library. `folder` is where the profile's package lies,
    or empty.
    """
    # What imports leave behind is not worth the time it takes to find.
    gc.disable()
    for name in _LEAN.split():
        importlib.import_module(name)
    wanted = PROFILES[profile].modules.split() + (_FULL.split() if full else [])
    if folder:
        sys.path.append(folder)
        importlib.import_module(PROFILES[profile].package)
    for file in _extensions():
        # What a library needs may be missing here.
        with contextlib.suppress(OSError):
            ctypes.CDLL(file)
        if full:
            wanted.append(os.path.basename(file).partition(".")[0])
    for name in wanted:
        # Which there are depends on how this interpreter was built.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if folder:
        sys.path.remove(folder)
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D")
    names = dict(vars(builtins))
    for name in PRELUDE.split():
        exec(f"from {name} import *", names)
    for name in PRELUDE.split():
        exec(f"import {name}", names)
    module = types.ModuleType("submission")
    # As builtins, not globals: `operator.add` must not stand in for an `add` that the submission lacks.
    module.__dict__["__builtins__"] = names
    gc.freeze()
    gc.enable()
    return module


def standard_library() -> str:
    """Return the folder of the standard library."""
    return os.path.dirname(os.__file__)


def _extensions() -> Iterator[str]:
    """The files of this interpreter's extension modules."""
    folder = os.path.join(standard_library(), "lib-dynload")
    useless = tuple(_USELESS.split())
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if file.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES)) and not file.startswith(useless):
            yield os.path.join(folder, file)
