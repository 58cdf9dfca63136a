# SPDX-License-Identifier: Apache-2.0
"""What is read out of the programs' words."""

import pytest

from bench.readings import Wrk, busy, iperf_gigabits, parse_pair, parse_wrk

WRK = """\
Running 3s test @ http://192.0.2.1:80/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   429.18us  196.74us   8.93ms   92.52%
    Req/Sec    72.80k     3.34k   77.13k    90.32%
  Latency Distribution
     50%  407.00us
     75%  452.00us
     90%  520.00us
     99%    1.05ms
  224577 requests in 3.10s, 33.63MB read
"""
TROUBLE = """\
  Socket errors: connect 1, read 2, write 0, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:  72440.83
"""


@pytest.mark.parametrize(("said", "failed"), [(WRK, 0), (WRK + TROUBLE, 12)])
def test_wrks_report_is_read(said: str, failed: int) -> None:
    assert parse_wrk(said) == Wrk(requests=224577, seconds=3.1, failed=failed, p50=407.0, p99=1050.0)


def test_a_report_without_a_total_is_refused() -> None:
    with pytest.raises(AssertionError, match="no total"):
        parse_wrk("unable to connect to 192.0.2.1:80 Connection refused")


def test_iperf_is_believed_about_what_was_received() -> None:
    said = '{"end": {"sum_sent": {"bits_per_second": 9e9}, "sum_received": {"bits_per_second": 8.5e9}}}'
    assert iperf_gigabits(said) == 8.5


def test_the_two_numbers_of_a_tool_are_read() -> None:
    assert parse_pair("250000 1.25\n") == (250000, 1.25)


def test_busy_leaves_out_idle_waiting_stolen_and_guest_time() -> None:
    columns = "user 100, nice 10, system 50, idle 9000, iowait 700, irq 5, softirq 35, steal 800, guest 60, 0"
    numbers = " ".join(word for word in columns.replace(",", "").split() if word.isdecimal())
    assert busy(f"cpu  {numbers}\ncpu0 1 1 1 1 1 1 1 1 1 1\n", ticks=100) == 2.0
