"""Ctrl-C, SIGTERM and SIGHUP end any command in time, and it says what is known.

They all cancel what is under way, which is undone in the ordinary way: a transaction is rolled
back, a rehearsal's branch deleted. Where that does not end, as the network or the server is frozen,
a thread ends the process after `GRACE_SECONDS`.
"""

import os
import signal
import socket
import sys
import threading
import warnings
from types import FrameType
from typing import Final, NoReturn

GRACE_SECONDS: Final = 8.0
INTERRUPTED: Final = 130  # what a shell has for it, 128 + SIGINT
# Windows has no SIGHUP.
_SIGNALS: Final = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class _Work:
    """What is under way, as the sentences that are said of it at an interruption."""

    description = ""


def describe_work(sentences: str) -> None:
    """Keep what is known of the work, to be said should it be interrupted; "" is nothing."""
    _Work.description = sentences


def exit_interrupted() -> NoReturn:
    """End the process, and say what is known.

    The signal may have come while an event loop, or anything else, was being made: what Python says
    of such a half-made object when it drops it is of no use to anybody.
    """
    sys.unraisablehook = lambda _: None
    warnings.simplefilter("ignore")
    if _Work.description:
        print(f"Interrupted. {_Work.description}", file=sys.stderr)
    sys.exit(INTERRUPTED)


def end_in_time() -> None:
    """Let SIGTERM and SIGHUP do what Ctrl-C does, and let none of them wait for ever.

    asyncio handles Ctrl-C: the first cancels the task, the second raises KeyboardInterrupt. A
    handler in Python runs between two instructions of the main thread, which may never come; the
    number of the signal is written to a socket right away.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a shell starts what runs in the background; the others come by way of it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _SIGNALS[1:]:
        # What nohup ignores stays ignored.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _interrupt)
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(receiver, sender), daemon=True).start()


def _interrupt(_: int, __: FrameType | None) -> None:
    # One is enough, as the end is certain: a second would break off what the first one cancels.
    for number in _SIGNALS[1:]:
        signal.signal(number, signal.SIG_IGN)
    signal.raise_signal(signal.SIGINT)


def _watch(receiver: socket.socket, _sender: socket.socket) -> None:
    # The sender is kept open as long as this thread lives.
    while receiver.recv(1)[0] not in _SIGNALS:
        pass
    threading.Event().wait(GRACE_SECONDS)
    known = _Work.description or "What was not committed is rolled back by the server."
    message = f"Interrupted, and no answer came for {GRACE_SECONDS:.0f} s. {known}\n"
    os.write(2, message.encode(errors="replace"))
    os._exit(INTERRUPTED)
