# The warm process of a Python template: imports what it is told to, then forks on request
# (box/warm/messages.h). Arguments: the path of libwarm.so, then names of modules.
import builtins
import ctypes
import gc
import importlib
import os
import struct
import sys
import types


def reseed():
    """What a fork inherits and must not share with its siblings."""
    import random

    random.seed(os.urandom(32))
    if "ssl" in sys.modules:
        sys.modules["ssl"].RAND_add(os.urandom(64), 64.0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(struct.unpack("8I", os.urandom(32)))
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(int.from_bytes(os.urandom(8), "little"))
    if "uuid" in sys.modules:
        sys.modules["uuid"]._node = None
        sys.modules["uuid"]._last_timestamp = None
    if "tempfile" in sys.modules:
        sys.modules["tempfile"]._name_sequence = None


def command(fd):
    """argv and the environment, as link/launch.h lays them out."""
    text = b""
    while more := os.pread(fd, 1 << 20, len(text)):
        text += more
    os.close(fd)
    argc, envc = struct.unpack_from("<II", text)
    words = text[8:].split(b"\0")[:-1]
    os.environb.clear()
    for pair in words[argc : argc + envc]:
        name, _, value = pair.partition(b"=")
        os.environb[name] = value
    return [os.fsdecode(w) for w in words[:argc]]


def run(argv):
    """As `python3 ARGUMENTS` would."""
    import runpy

    arguments = argv[1:]
    sys.path[:] = [p for p in sys.path if p != "/.paddock/warm"]
    if not arguments or arguments[0] == "-":
        sys.argv = arguments or [""]
        source, name = sys.stdin.buffer.read(), "<stdin>"
    elif arguments[0] == "-c":
        if len(arguments) < 2:
            raise SystemExit("paddock: -c: an argument is expected")
        sys.argv = ["-c"] + arguments[2:]
        source, name = arguments[1], "<string>"
    elif arguments[0] == "-m":
        if len(arguments) < 2:
            raise SystemExit("paddock: -m: an argument is expected")
        sys.argv = arguments[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    elif arguments[0].startswith("-"):
        raise SystemExit("paddock: in a template Python takes a file, -, -c or -m")
    else:
        sys.argv = arguments
        sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
        runpy.run_path(arguments[0], run_name="__main__")
        return
    sys.path.insert(0, "")
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins
    sys.modules["__main__"] = main
    exec(compile(source, name, "exec"), main.__dict__)


def outcome(argv):
    """Runs it to its end: the exit code. The interpreter is not taken apart afterwards: that would
    copy every page that is still shared with the template, for nothing."""
    import atexit
    import threading

    try:
        run(argv)
        code = 0
    except SystemExit as e:
        code = 0 if e.code is None else e.code
        if not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException as e:
        trace = e.__traceback__
        while trace and trace.tb_frame.f_code.co_filename in (__file__, "<frozen runpy>"):
            trace = trace.tb_next
        sys.excepthook(type(e), e.with_traceback(trace), trace)
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 120  # as Python itself
    return code & 0xFF


def open_stdio():
    sys.stdin = open(0, "r")
    sys.stdout = open(1, "w", buffering=1 if os.isatty(1) else -1)
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr


def child(api, library):
    # Before it is somebody's: what needs no argument, and the pages that every program writes to.
    api.PyOS_AfterFork_Child()
    open_stdio()
    reseed()
    exec(compile("import os, sys, random\nfor i in range(9): str(i)", "<warm>", "exec"), {})
    fd = library.warm_wait()
    reseed()
    gc.enable()
    argv = command(fd)
    program = os.path.basename(argv[0]) if argv else ""
    if not program.startswith("python"):
        try:
            os.execvp(argv[0], argv)
        except OSError as e:
            print(f"paddock: cannot run '{argv[0]}': {e.strerror}", file=sys.stderr)
            os._exit(127 if isinstance(e, FileNotFoundError) else 126)
    os._exit(outcome(argv))


def zygote():
    library = ctypes.PyDLL(sys.argv[1])
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # their threads would not be there after a fork
    api = ctypes.pythonapi
    for name in sys.argv[2:]:
        importlib.import_module(name)
    import random  # noqa: F401
    import runpy  # noqa: F401

    gc.collect()
    gc.disable()
    gc.freeze()
    sys.stdout.flush()
    sys.stderr.flush()
    if library.warm_ready() < 0:
        os._exit(1)
    if len(os.listdir("/proc/self/task")) != 1:
        print("paddock: the imports started threads, which a fork would lose", file=sys.stderr)
        os._exit(1)
    api.PyOS_BeforeFork()
    if library.warm_fork_loop() < 0:
        os._exit(0)
    return api, library


child(*zygote())
