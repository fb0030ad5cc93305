"""Takes the network away from this process: a seccomp filter (seccomp(2)) under which no socket can be made.

Linux on x86-64 and ARM64. Elsewhere nothing happens, and the other limits of the sandbox remain.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ARCHITECTURE_OFFSET, NUMBER_OFFSET = 4, 0
"""In the kernel's ``seccomp_data``."""
ALLOW, DENY = 0x7FFF0000, 0x00050000 | errno.EACCES
X32_BIT = 0x40000000
IO_URING_SETUP = 425
"""An io_uring makes sockets without the socket call."""
MACHINES = {
    # machine: (audit architecture, socket, ptrace, process_vm_readv, process_vm_writev)
    "x86_64": (0xC000003E, 41, 101, 310, 311),
    "aarch64": (0xC00000B7, 198, 117, 270, 271),
}


def deny_network() -> bool:
    """Deny sockets, and reading other processes' memory, to this process and its children; False where impossible."""
    machine = MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return False
    architecture, *denied = machine
    program = _program(architecture, [*denied, IO_URING_SETUP])
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: number of instructions, padding, address
    header = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0) == 0)


def _program(architecture: int, denied: list[int]) -> bytes:
    """BPF instructions: deny foreign architectures, the x32 calls and each number of ``denied``; allow the rest."""
    checks = [(JUMP_AT_LEAST, X32_BIT), *((JUMP_EQUAL, number) for number in denied)]
    instructions = [
        (LOAD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_EQUAL, 0, len(checks) + 2, architecture),  # else: to the last instruction
        (LOAD, 0, 0, NUMBER_OFFSET),
        *((test, len(checks) - place, 0, value) for place, (test, value) in enumerate(checks)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, DENY),
    ]
    return b"".join(struct.pack("@HBBI", *instruction) for instruction in instructions)
