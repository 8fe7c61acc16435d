"""Ends of connections that a test can rely on."""

import contextlib
import fcntl
import socket
import struct
import sys
import termios
import time

# Of linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, REQUEST = 4, 20, 1
STATE, RECEIVE_QUEUE = 16 + 1, 16 + 4 + 48 + 4
ESTABLISHED, CLOSE_WAIT = 1, 8
# The value of SO_LINGER with which a close resets the connection.
AT_ONCE = struct.pack("ii", 1, 0)
# The max seconds to wait for a receiver.
LONGEST = 10


def unread(connection: socket.socket) -> int | None:
    """Returns the bytes that were sent over a connection within this machine and that the receiver has not read.

    None if the system does not say it: on macOS, in another network namespace, or if the receiver has closed the connection.
    """
    if sys.platform != "linux" or connection.family != socket.AF_INET:
        return None
    try:
        (address, port), (peer, peer_port) = connection.getsockname(), connection.getpeername()
        sent = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
            # The receiver's socket has the addresses of this one the other way round.
            names = struct.pack("!HH16s16s", peer_port, port, socket.inet_aton(peer).ljust(16, b"\0"), socket.inet_aton(address).ljust(16, b"\0"))
            body = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0xFFFFFFFF) + names + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
            kernel.send(struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, REQUEST, 1, 0) + body)
            answer = kernel.recv(4096)
    except OSError:
        return None
    if struct.unpack_from("=H", answer, 4)[0] != SOCK_DIAG_BY_FAMILY or answer[STATE] not in (ESTABLISHED, CLOSE_WAIT):
        return None
    return sent + struct.unpack_from("=I", answer, RECEIVE_QUEUE)[0]


def wait_until_read(connection: socket.socket) -> bool:
    """Waits until the receiver has read all that was sent. Returns false if that is not known."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        count = unread(connection)
        if not count:
            return count == 0
        time.sleep(0.0005)
    return False


def reset(connection: socket.socket):
    """Resets a connection after the receiver has read all that was sent, because a reset discards the bytes that it has not read yet.

    Where this cannot be known, the connection is closed without a reset, so that no byte is lost.
    """
    with contextlib.suppress(OSError):
        if wait_until_read(connection):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        else:
            connection.shutdown(socket.SHUT_RDWR)
    connection.close()
