#!/bin/bash
# Rebuilds sample.pcap and sample.expected.tsv. Takes about three minutes. The test-suite does not run it.
#
# Needs root on Debian 12 with a kernel that has network namespaces, veth and bridge, and these packages:
#   apt-get install tcpdump tshark ethtool iproute2 openssl curl openssh-server redis-server mariadb-server \
#     mariadb-client postgresql slapd ldap-utils krb5-kdc krb5-admin-server krb5-user dovecot-imapd \
#     dovecot-pop3d snmpd snmp dnsmasq telnet inetutils-telnetd tftpd-hpa tftp-hpa traceroute iputils-ping \
#     bind9-dnsutils chrony isc-dhcp-client python3-venv
# It installs nothing but a Python environment of its own in a temporary directory (aioquic, pyftpdlib,
# aiosmtpd from PyPI); PYTHON=/path/to/python3 names one that exists already. Services of the machine itself
# are not touched: every server runs with its own configuration, in namespaces that are removed at the end.
#
#   c1 .. c4 ---------------+
#   far -- link (loses) ----+-- lan0 [gw] -- [rtr] -- srv        captured on lan0, where a firewall would sit
#
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
out=${1:-$here/sample.pcap}
work=$(mktemp -d /tmp/sample-capture.XXXXXX)
chmod 755 "$work"
clients="c1 c2 c3 c4 far"
spaces="gw rtr srv link $clients"
started=()

cleanup() {
    set +e
    for space in $spaces; do
        for process in $(ip netns pids "sample-$space" 2>/dev/null); do kill "$process" 2>/dev/null; done
    done
    sleep 2
    for space in $spaces; do
        for process in $(ip netns pids "sample-$space" 2>/dev/null); do kill -9 "$process" 2>/dev/null; done
        ip netns del "sample-$space" 2>/dev/null
        rm -rf "/etc/netns/sample-$space"
    done
    rmdir /etc/netns 2>/dev/null
    if [ -n "${KEEP:-}" ]; then echo "kept $work"; else rm -rf "$work"; fi
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# Runs a command inside a namespace, with a host name of example.org.
in_space() {
    local space=$1
    shift
    exec ip netns exec "sample-$space" unshare --uts \
        sh -c 'hostname "$0.example.org"; exec "$@"' "$space" "$@"
}
start() {
    local space=$1 log
    shift
    log=$(basename "$1").$space.${#started[@]}.log
    (in_space "$space" env -i PATH="$PATH" LC_ALL=C.UTF-8 TZ=UTC HOME=/nonexistent PYTHONDONTWRITEBYTECODE=1 \
        CAPTURE_START="${begin:-0}" "${extra[@]}" "$@" >"$work/$log" 2>&1) &
    started+=($!)
    extra=()
}
extra=()
ns() { ip -n "sample-$1" "${@:2}"; }

cable() { # cable SPACE INTERFACE MAC SPACE INTERFACE MAC
    ip link add name sample-x type veth peer name sample-y
    ip link set sample-x netns "sample-$1" name "$2" address "$3"
    ip link set sample-y netns "sample-$4" name "$5" address "$6"
    for end in "$1 $2" "$4 $5"; do
        set -- $end
        ip netns exec "sample-$1" \
            ethtool -K "$2" rx off tx off sg off tso off gso off gro off >/dev/null 2>&1 || true
        ns "$1" link set "$2" up
    done
}

make_network() {
    mkdir -p /etc/netns
    for space in $spaces; do
        ip netns add "sample-$space"
        mkdir -p "/etc/netns/sample-$space"
        printf '%s\n' 'nameserver 198.51.100.53' 'options timeout:2 attempts:2' \
            >"/etc/netns/sample-$space/resolv.conf"
        ip netns exec "sample-$space" sh -c '
            echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit
            echo 3 >/proc/sys/net/ipv4/tcp_synack_retries; echo 0 >/proc/sys/net/ipv6/conf/default/accept_ra'
        ns "$space" link set lo up
    done
    for space in gw rtr; do
        ip netns exec "sample-$space" sh -c '
            echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
    done
    ip netns exec sample-link sh -c 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'

    ns gw link add name lan0 address 02:00:00:00:00:01 type bridge mcast_snooping 0
    ip netns exec sample-gw ethtool -K lan0 tx off sg off tso off gso off gro off >/dev/null 2>&1 || true
    ns gw link set lan0 up
    ns gw addr add 192.0.2.1/24 broadcast + dev lan0
    ns gw addr add 2001:db8:1::1/64 dev lan0 nodad
    local number=1
    for space in c1 c2 c3 c4; do
        cable "$space" eth0 "02:00:00:00:01:1$number" gw "port$number" "02:00:00:00:02:1$number"
        ns gw link set "port$number" master lan0
        attach "$space" "1$number"
        number=$((number + 1))
    done
    cable far eth0 02:00:00:00:01:50 link wire0 02:00:00:00:02:50
    cable link wire1 02:00:00:00:02:51 gw port5 02:00:00:00:02:15
    ns gw link set port5 master lan0
    attach far 50
    ns gw neigh add 192.0.2.66 lladdr 02:00:00:00:00:66 dev lan0 nud permanent

    cable gw up0 02:00:00:00:03:01 rtr down0 02:00:00:00:03:02
    cable rtr up0 02:00:00:00:04:01 srv eth0 02:00:00:00:04:02
    ns gw addr add 203.0.113.1/30 dev up0
    ns gw addr add 2001:db8:0:1::1/64 dev up0 nodad
    ns rtr addr add 203.0.113.2/30 dev down0
    ns rtr addr add 2001:db8:0:1::2/64 dev down0 nodad
    ns rtr addr add 198.51.100.1/24 dev up0
    ns rtr addr add 2001:db8:2::1/64 dev up0 nodad
    ns gw route add default via 203.0.113.2
    ns gw -6 route add default via 2001:db8:0:1::2
    ns rtr route add 192.0.2.0/24 via 203.0.113.1
    ns rtr -6 route add 2001:db8:1::/64 via 2001:db8:0:1::1
    # What goes to these two never comes back: srv does not forward.
    ns rtr route add 203.0.113.128/25 via 198.51.100.10
    ns rtr -6 route add 2001:db8:bad::/64 via 2001:db8:2::10
    for host in 10 14 21 22 23 25 32 33 39 45 50 53 54 60 63 68 69 78 80 81 88 89 90 123 161; do
        ns srv addr add "198.51.100.$host/24" dev eth0
        ns srv addr add "2001:db8:2::$host/64" dev eth0 nodad
    done
    ns srv route add default via 198.51.100.1
    ns srv -6 route add default via 2001:db8:2::1
}

attach() { # attach SPACE HOST
    ns "$1" addr add "192.0.2.$2/24" broadcast + dev eth0
    ns "$1" addr add "2001:db8:1::$2/64" dev eth0 nodad
    ns "$1" route add default via 192.0.2.1
    ns "$1" -6 route add default via 2001:db8:1::1
    # Without this half of the capture's first lines would be neighbor discovery; `far` still does it.
    if [ "$1" != far ]; then
        ns "$1" neigh add 2001:db8:1::1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
        ns gw neigh add "2001:db8:1::$2" lladdr "02:00:00:00:01:$2" dev lan0 nud permanent
    fi
}

make_python() {
    python=${PYTHON:-}
    if [ -z "$python" ]; then
        python3 -m venv "$work/venv"
        "$work/venv/bin/pip" install -q aioquic pyftpdlib aiosmtpd
        python=$work/venv/bin/python
    fi
}

make_keys() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
        -subj /CN=www.example.org -addext 'subjectAltName=DNS:*.example.org' \
        -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
    ssh-keygen -q -t ed25519 -N '' -C host@example.org -f "$work/host_key"
    ssh-keygen -q -t ed25519 -N '' -C alice@example.org -f "$work/client_key"
    mkdir -p "$work/ftp" "$work/tftp" "$work/out"
    printf 'Line %s of notes about nothing in particular.\n' {1..25} >"$work/ftp/notes.txt"
    printf 'set option %s\n' {1..45} >"$work/tftp/boot.cfg"
    printf '0123456789abcde%s' {1000..1150} >"$work/tftp/firmware.bin"
    chmod -R a+rX "$work/tftp"
    cat >"$work/login.sh" <<'END'
#!/bin/sh
printf "gate login: "; read name; printf "%s> " "$name"
read word; echo "all is well"; printf "> "; read word
END
    chmod 755 "$work/login.sh"
    printf '%s\n' 'send host-name "client1";' 'request subnet-mask, routers, domain-name-servers;' \
        >"$work/dhclient.conf"
}

start_names() {
    local records=() name
    for name in www:80 shop:80 video:80 proxy:81 ssh:22 ftp:21 mail:25 gate:23 sip:60 ldap:89 kdc:88 \
        mysql:33 db:32 cache:63 stun:78 vpn:50 time:123 router:161 log:14 boot:69 ns:53; do
        records+=("--host-record=${name%:*}.example.org,198.51.100.${name#*:},2001:db8:2::${name#*:}")
    done
    start srv dnsmasq -k -C /dev/null -u root --pid-file="$work/dns.pid" --no-resolv --no-hosts \
        --bind-interfaces --listen-address=198.51.100.53,2001:db8:2::53 --local=/#/ --local-ttl=300 \
        "${records[@]}" --mx-host=example.org,mail.example.org,10 --txt-record=example.org,"v=spf1 mx -all"
    start gw dnsmasq -k -C /dev/null -u root --pid-file="$work/dhcp.pid" -p 0 --interface=lan0 \
        --bind-interfaces --no-ping --dhcp-range=192.0.2.150,192.0.2.199,1h --dhcp-leasefile="$work/leases"
    printf '%s\n' 'local stratum 2' allow 'bindaddress 198.51.100.123' 'bindaddress 2001:db8:2::123' \
        'cmdport 0' "pidfile $work/chrony.pid" >"$work/chrony.conf"
    start srv chronyd -x -d -u root -f "$work/chrony.conf"
    printf '%s\n' 'rocommunity public' 'sysDescr Example router' 'sysName router.example.org' \
        'sysContact root@example.org' 'sysLocation rack 1' >"$work/snmpd.conf"
    extra=(SNMP_PERSISTENT_DIR="$work/snmp")
    start srv snmpd -f -Lf /dev/null -C -c "$work/snmpd.conf" udp:198.51.100.161:161
    start srv in.tftpd -L -4 -a 198.51.100.69:69 -u root -s "$work/tftp"
}

start_logins() {
    mkdir -p /run/sshd
    printf '%s\n' "HostKey $work/host_key" 'ListenAddress 198.51.100.22' 'ListenAddress 2001:db8:2::22' \
        'UsePAM no' 'PermitRootLogin yes' "AuthorizedKeysFile $work/client_key.pub" 'StrictModes no' \
        "PidFile $work/sshd.pid" \
        >"$work/sshd_config"
    start srv /usr/sbin/sshd -D -e -f "$work/sshd_config"

    cat >"$work/krb5.conf" <<END
[libdefaults]
    default_realm = EXAMPLE.ORG
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1465
[realms]
    EXAMPLE.ORG = {
        kdc = 198.51.100.88
        kdc_listen = 198.51.100.88:88
        kdc_tcp_listen = 198.51.100.88:88
        database_name = $work/principal
        key_stash_file = $work/stash
        acl_file = $work/kadm5.acl
    }
[logging]
    kdc = FILE:$work/kdc.log
END
    cp "$work/krb5.conf" "$work/krb5-udp.conf"
    sed 's/limit = 1465/limit = 1/' "$work/krb5.conf" >"$work/krb5-tcp.conf"
    export KRB5_CONFIG=$work/krb5.conf KRB5_KDC_PROFILE=$work/krb5.conf
    kdb5_util -r EXAMPLE.ORG -P not-a-secret create -s >"$work/kdb.log" 2>&1
    kadmin.local -q 'addprinc +requires_preauth -pw not-a-secret alice' >>"$work/kdb.log" 2>&1
    kadmin.local -q 'addprinc -randkey host/www.example.org' >>"$work/kdb.log" 2>&1
    extra=(KRB5_CONFIG="$work/krb5.conf" KRB5_KDC_PROFILE="$work/krb5.conf")
    start srv krb5kdc -n -r EXAMPLE.ORG -P "$work/kdc.pid"

    mkdir -p "$work/ldap"
    printf '%s\n' 'include /etc/ldap/schema/core.schema' 'modulepath /usr/lib/ldap' 'moduleload back_mdb' \
        "pidfile $work/slapd.pid" 'database mdb' 'suffix dc=example,dc=org' \
        'rootdn cn=admin,dc=example,dc=org' \
        "directory $work/ldap" 'maxsize 10485760' >"$work/slapd.conf"
    printf '%s\n' 'dn: dc=example,dc=org' 'objectClass: dcObject' 'objectClass: organization' 'o: Example' \
        'dc: example' '' 'dn: cn=alice,dc=example,dc=org' 'objectClass: person' 'cn: alice' 'sn: Example' |
        slapadd -f "$work/slapd.conf" >"$work/slapadd.log" 2>&1
    start srv /usr/sbin/slapd -d 0 -f "$work/slapd.conf" -h 'ldap://198.51.100.89/ ldap://[2001:db8:2::89]/'
}

start_mail() {
    mkdir -p "$work/mail"
    chown nobody "$work/mail"
    cat >"$work/dovecot.conf" <<END
protocols = imap pop3
listen = 198.51.100.25, 2001:db8:2::25
base_dir = $work/dovecot
state_dir = $work/dovecot
log_path = $work/dovecot.log
hostname = mail.example.org
ssl = no
disable_plaintext_auth = no
mail_location = maildir:$work/mail
first_valid_uid = 1
passdb {
  driver = static
  args = password=not-a-secret
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$work/mail
}
service anvil {
  chroot =
}
END
    start srv dovecot -F -c "$work/dovecot.conf"
}

start_databases() {
    start srv redis-server --bind 198.51.100.63 2001:db8:2::63 --port 6379 --save '' \
        --protected-mode no --dir "$work"

    install -d -o mysql "$work/mysql"
    mariadb-install-db --no-defaults --user=mysql --datadir="$work/mysql" --skip-test-db \
        >"$work/mysql.log" 2>&1
    cat >"$work/mysql.sql" <<'END'
create database shop;
create table shop.goods (name varchar(20), price int);
insert into shop.goods values ('apple', 3), ('pear', 4), ('plum', 5);
create user reader@'%' identified by 'not-a-secret';
grant select on shop.* to reader@'%';
END
    start srv mariadbd --no-defaults --user=mysql --datadir="$work/mysql" --socket="$work/mysql/socket" \
        --skip-name-resolve --bind-address=198.51.100.33 --pid-file="$work/mysql/pid" \
        --init-file="$work/mysql.sql"

    local programs
    programs=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
    install -d -o postgres -m 700 "$work/postgres"
    install -o postgres -m 600 "$work/key.pem" "$work/cert.pem" "$work/postgres/"
    cd /
    local as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups) data=$work/postgres/data
    "${as_postgres[@]}" "$programs/initdb" -D "$data" -A trust --locale=C.UTF-8 -E UTF8 \
        >"$work/postgres.log" 2>&1
    echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
    "${as_postgres[@]}" "$programs/postgres" --single -D "$data" postgres >>"$work/postgres.log" 2>&1 <<'END'
create role reader login password 'not-a-secret';
create database shop;
END
    "${as_postgres[@]}" "$programs/postgres" --single -D "$data" shop >>"$work/postgres.log" 2>&1 <<'END'
create table goods (name text, price int);
insert into goods values ('apple', 3), ('pear', 4), ('plum', 5);
grant select on goods to public;
END
    start srv "${as_postgres[@]}" "$programs/postgres" -D "$data" \
        -c listen_addresses='198.51.100.32,2001:db8:2::32' \
        -c unix_socket_directories="$work/postgres" -c ssl=on -c ssl_cert_file="$work/postgres/cert.pem" \
        -c ssl_key_file="$work/postgres/key.pem" -c shared_buffers=16MB -c timezone=UTC
    cd "$here"
}

make_python
make_keys
make_network
start link "$python" "$here/link.py" wire0 wire1
start_names
start_logins
start_mail
start_databases
start srv "$python" "$here/servers.py" "$work"
sleep 8

ip netns exec sample-gw tcpdump -i lan0 -Z root -n -p -B 16384 --time-stamp-precision=nano \
    -w "$work/capture.pcap" 2>"$work/tcpdump.log" &
tcpdump=$!
sleep 1
begin=$(date +%s)
for role in $clients; do start "$role" "$python" "$here/clients.py" "$work" "$role"; done
sleep 128 &
wait $!
kill -INT "$tcpdump"
wait "$tcpdump" || true
cat "$work/tcpdump.log"
cp "$work/capture.pcap" "$out"
./expected.sh "$out" >"${out%.pcap}.expected.tsv"
ls -l "$out"
