# SPDX-License-Identifier: Apache-2.0
"""The frames that the generators send, as frame.h makes them, are scapy's of the same flow to the byte."""

import subprocess
from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from tests.needs import needs

BENCH = Path(__file__).resolve().parents[3] / "netns-lab" / "bench"
WRITER = """
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include "frame.h"

int main(int count, char **word)
{
	const __u8 mac[6] = {2, 0, 0, 0, 0, 2};
	struct frame blank = frame_blank(mac, inet_addr("192.0.2.1"), 9), frame;

	for (int i = 1; i < count; i++) {
		__builtin_memset(&frame, 0xa5, sizeof(frame));
		frame_write(&frame, &blank, (__u32)strtoul(word[i], NULL, 10));
		fwrite(&frame, sizeof(frame), 1, stdout);
	}
	return 0;
}
"""
LENGTH = 60


def by_scapy(flow: int) -> bytes:
    ethernet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    packet = IP(src=f"10.64.0.{flow % 256}", dst="192.0.2.1", id=0, ttl=64)
    return bytes(ethernet / packet / UDP(sport=1024 + flow // 256, dport=9) / bytes(18))


@needs("gcc")
def test_each_flow_has_a_whole_frame_of_its_own_whatever_the_memory_held(tmp_path: Path) -> None:
    source, program = tmp_path / "writer.c", tmp_path / "writer"
    source.write_text(WRITER)
    subprocess.run(["gcc", "-std=gnu11", f"-I{BENCH}", str(source), "-o", str(program)], check=True)
    flows = [*range(0, 50_000, 97), 255, 256, 49_999]
    said = subprocess.run([program, *map(str, flows)], check=True, stdout=subprocess.PIPE).stdout
    made = [said[at : at + LENGTH] for at in range(0, len(said), LENGTH)]
    assert made == [by_scapy(flow) for flow in flows]
