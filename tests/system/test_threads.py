"""Threads beside the main one hear no signal."""

import signal

from fibsem.system.threads import STOPS, start_beside


def test_a_thread_beside_blocks_what_asks_to_end_and_the_main_one_does_not():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    found = []
    start_beside(lambda: found.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))).join()
    assert found[0] >= {*STOPS} | before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
