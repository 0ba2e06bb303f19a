#!/usr/bin/env python3
"""An imperfect Ethernet link: copies frames between two interfaces; delays, loses, repeats, reorders some.

Usage: link.py INTERFACE INTERFACE. The dice are seeded, so that two runs treat the n-th frame alike.
"""

import heapq
import random
import select
import socket
import sys
import time

DELAY = 0.020
LOSS, REPEAT, REORDER = 0.035, 0.02, 0.03
ETH_P_ALL = 3
PACKET_OUTGOING = 4


def main():
    dice = random.Random(20)
    ends = []
    for name in sys.argv[1:3]:
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        end.bind((name, ETH_P_ALL))
        ends.append(end)
    waiting, number = [], 0
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, end, frame = heapq.heappop(waiting)
            end.send(frame)
        pause = max(0.0, waiting[0][0] - now) if waiting else 1.0
        for readable in select.select(ends, [], [], pause)[0]:
            frame, origin = readable.recvfrom(65535)
            if origin[2] == PACKET_OUTGOING:
                continue
            other = ends[1 - ends.index(readable)]
            if frame[12:14] in (b"\x08\x06", b"\x86\xdd") and len(frame) < 90 and frame[20:21] == b"\x3a":
                copies = [DELAY]
            elif dice.random() < LOSS and len(frame) > 60:
                copies = []
            else:
                copies = [DELAY + (0.030 if dice.random() < REORDER else 0.0)]
                if dice.random() < REPEAT:
                    copies.append(copies[0] + 0.001)
            for delay in copies:
                number += 1
                heapq.heappush(waiting, (time.monotonic() + delay, number, other, frame))


main()
