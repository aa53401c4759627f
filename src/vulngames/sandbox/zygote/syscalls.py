"""Which system calls submitted code may make, and their numbers.

What is not listed fails with EPERM. The numbers for aarch64 are from the kernel's generic table and were never run.
"""

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name, number on x86_64, number on aarch64 ("-": it has none)
_ALLOWED = """
    read 0 63            write 1 64            close 3 57              fstat 5 80            poll 7 -
    lseek 8 62           munmap 11 215         brk 12 214              rt_sigaction 13 134   rt_sigprocmask 14 135
    rt_sigreturn 15 139  pread64 17 67         pwrite64 18 68          readv 19 65           writev 20 66
    pipe 22 -            select 23 -           sched_yield 24 124      mremap 25 216         msync 26 227
    madvise 28 233       dup 32 23             dup2 33 -               pause 34 -            nanosleep 35 101
    getitimer 36 102     alarm 37 -            setitimer 38 103        getpid 39 172 
    recvfrom 45 207      shutdown 48 210       getsockname 51 204      getpeername 52 205    getsockopt 55 209
    exit 60 93           uname 63 160          fsync 74 82             fdatasync 75 83       ftruncate 77 46
    getcwd 79 17         gettimeofday 96 169   getrlimit 97 163        getrusage 98 165      times 100 153
    getuid 102 174       getgid 104 176        geteuid 107 175         getegid 108 177       getppid 110 173
    getpgrp 111 -        getgroups 115 158     getresuid 118 148       getresgid 120 150     getpgid 121 155
    getsid 124 156       rt_sigpending 127 136 rt_sigtimedwait 128 137 rt_sigsuspend 130 133 sigaltstack 131 132
    gettid 186 178       time 201 -            futex 202 98            sched_getaffinity 204 123
    getdents64 217 61    set_tid_address 218 96                        restart_syscall 219 128
    clock_gettime 228 113                      clock_getres 229 114    clock_nanosleep 230 115
    exit_group 231 94    epoll_create 213 -    epoll_wait 232 -        epoll_ctl 233 21      pselect6 270 72
    ppoll 271 73         set_robust_list 273 99                        epoll_pwait 281 22    eventfd2 290 19
    epoll_create1 291 20 dup3 292 24           pipe2 293 59            getcpu 309 168        getrandom 318 278
    membarrier 324 283   rseq 334 293          close_range 436 436     epoll_pwait2 441 441
"""

# Landlock decides what they may open; where it is missing they fail as well.
_PATHS = """
    open 2 -             openat 257 56         stat 4 -                lstat 6 -             access 21 -
    readlink 89 -        newfstatat 262 79     readlinkat 267 78       faccessat 269 48      statx 332 291
    faccessat2 439 439
"""

# Allowed with some arguments only: see seccomp.py.
_CONDITIONAL = """
    mmap 9 222           mprotect 10 226       ioctl 16 29             fcntl 72 25           sendto 44 206
    socketpair 53 199    clone 56 220          kill 62 129             tgkill 234 131        prlimit64 302 261
    clone3 435 435
"""

# No honest program makes these: the attempt ends it, and shows.
_FATAL = """
    ptrace 101 117       process_vm_readv 310 270                      process_vm_writev 311 271
    mount 165 40         umount2 166 39        pivot_root 155 41       chroot 161 51         unshare 272 97
    setns 308 268        open_tree 428 428     move_mount 429 429      fsopen 430 430        mount_setattr 442 442
    init_module 175 105  delete_module 176 106 finit_module 313 273    kexec_load 246 104    bpf 321 280
    perf_event_open 298 241                    userfaultfd 323 282     add_key 248 217       request_key 249 218
    keyctl 250 219       io_uring_setup 425 425                        reboot 169 142        setuid 105 146
    setresuid 117 147    setgid 106 144        setresgid 119 149       setgroups 116 159     capset 126 91
"""


def _numbers(table: str, machine: str) -> dict[str, int]:
    words = table.split()
    column = 1 + list(AUDIT_ARCH).index(machine)
    rows = (words[start : start + 3] for start in range(0, len(words), 3))
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


def allowed(machine: str) -> dict[str, int]:
    """Return the calls that are always allowed, by name."""
    return _numbers(_ALLOWED, machine)


def paths(machine: str) -> dict[str, int]:
    """Return the calls that name a file."""
    return _numbers(_PATHS, machine)


def conditional(machine: str) -> dict[str, int]:
    """Return the calls whose arguments decide."""
    return _numbers(_CONDITIONAL, machine)


def fatal(machine: str) -> dict[str, int]:
    """Return the calls that kill."""
    return _numbers(_FATAL, machine)
