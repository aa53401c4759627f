"""Honest programs: each reads some numbers and prints their sum, in its own way."""

PROGRAMS = {
    "input": "a, b = map(int, input().split())\nprint(a + b)",
    "open(0)": "print(sum(map(int, open(0).read().split())))",
    "readline": "import sys\nprint(sum(map(int, sys.stdin.readline().split())))",
    "read": "import sys\nprint(sum(map(int, sys.stdin.read().split())))",
    "for line in stdin": "import sys\nfor line in sys.stdin:\n    print(sum(map(int, line.split())))",
    "buffer": "import sys\nsys.stdout.buffer.write(b'%d\\n' % sum(map(int, sys.stdin.buffer.read().split())))",
    "os.read": "import os\nprint(sum(map(int, os.read(0, os.fstat(0).st_size).split())))",
    "/dev/stdin": "print(sum(map(int, open('/dev/stdin').read().split())))",
    "exit()": "print(sum(map(int, input().split())))\nexit()\nprint('no')",
    "quit()": "print(sum(map(int, input().split())))\nquit()",
    "sys.exit(0)": "import sys\nprint(sum(map(int, input().split())))\nsys.exit(0)",
    "main guard": """
        def main():
            print(sum(map(int, input().split())))
        if __name__ == "__main__":
            main()
    """,
    "recursion": """
        import sys
        sys.setrecursionlimit(10**6)
        def down(n): return 0 if n == 0 else down(n - 1)
        print(sum(map(int, input().split())) + down(100_000))
    """,
    "recursion through C": """
        import sys, functools
        sys.setrecursionlimit(10**6)
        @functools.cache
        def down(n): return 0 if n == 0 else down(n - 1)
        print(sum(map(int, input().split())) + down(20_000))
    """,
    "thread with a big stack": """
        import sys, threading
        sys.setrecursionlimit(10**6)
        threading.stack_size(1 << 27)
        def main(): print(sum(map(int, input().split())))
        threading.Thread(target=main).start()
    """,
    "classes": """
        from __future__ import annotations
        import pickle
        from dataclasses import dataclass
        from typing import *
        @dataclass
        class Pair:
            a: int
            b: int
            def total(self) -> int: return self.a + self.b
        pair = pickle.loads(pickle.dumps(Pair(*map(int, input().split()))))
        assert isinstance(pair, Pair) and super(Pair, pair).__init__ is not None
        print(pair.total())
    """,
    "modules": """
        import asyncio, bisect, cmath, collections, csv, decimal, fractions, functools, heapq, itertools, json
        import math, numbers, operator, random, re, statistics, string, subprocess, unittest, zoneinfo
        async def total(text): return sum(map(int, text.split()))
        print(asyncio.run(total(input())))
    """,
    "output at exit": """
        import atexit, io, sys
        sys.stdout = io.StringIO()
        @atexit.register
        def write(): sys.__stdout__.write(sys.stdout.getvalue())
        print(sum(map(int, input().split())))
    """,
    "file left open": "out = open(1, 'w')\nprint(sum(map(int, input().split())), file=out)",
    "trailing space": "print(sum(map(int, input().split())), ' \\n\\n')",
    "noise on stderr": "import sys\nprint('debug', file=sys.stderr)\nprint(sum(map(int, input().split())))",
}
