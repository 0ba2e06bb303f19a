#!/bin/bash
# Prints what tshark sees in a capture made by make.sh, one line per session:
#   expected.sh [CAPTURE] >sample.expected.tsv
# Needs tshark 4 (Debian 12) and python3.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tshark -2 -n -r "${1:-$here/sample.pcap}" \
    -o ip.defragment:TRUE -o ipv6.defragment:TRUE -o tcp.desegment_tcp_streams:FALSE \
    -T fields -E separator=/t -E occurrence=f \
    -e frame.number -e frame.time_epoch -e frame.len -e ip.src -e ip.dst -e ipv6.src -e ipv6.dst -e ip.proto \
    -e tcp.stream -e tcp.srcport -e tcp.dstport -e tcp.flags -e tcp.len \
    -e udp.stream -e udp.srcport -e udp.dstport \
    -e icmp.type -e icmp.ident -e icmpv6.type -e icmpv6.echo.identifier \
    -e ip.reassembled_in -e ipv6.reassembled.in \
    -e tcp.analysis.retransmission -e tcp.analysis.out_of_order -e tcp.seq_raw |
    python3 "$here/expected.py" "$here/services.tsv"
