"""Replicas that fail in every way, die and come back, in front of many clients: short forms of `upstream_faults.py`."""

import time

import pytest

import upstream_faults


@pytest.mark.proc
def test_no_fault_gives_a_wrong_answer(tmp_path):
    counts = upstream_faults.run(tmp_path, requests=300, seed=7)["counts"]
    # Most answers are right, some of them from another replica; some break off; and some replicas died.
    assert counts["right"] > 150 and counts["right after a failover"] > 10, counts
    assert counts["errors after the first event"] > 5 and counts["deaths"] > 1, counts


@pytest.mark.proc
@pytest.mark.long
def test_no_fault_of_thousands_gives_a_wrong_answer(tmp_path):
    result = upstream_faults.run(tmp_path, requests=10_000, seed=time.time_ns() % 10**6)
    assert result["resets"] > 1000, result
