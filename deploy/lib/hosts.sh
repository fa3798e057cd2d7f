#!/usr/bin/env bash
# Network namespaces that act as hosts, joined by a bridge in a namespace of its own (in the root namespace, Docker's rules
# would drop packets between them). The root namespace has the first address, and lets the hosts out by NAT.
# Sourced: hosts_up NAME SUBNET HOST...   SUBNET is three numbers, such as 198.18.7; hosts get .2, .3, …
#          hosts_down NAME SUBNET HOST...  removes all of it
#          hosts_free_subnet SEED          a subnet to which this machine has no route

# nsenter instead of `ip -n`, which makes a mount namespace and so fails in a chroot.
in_net() { nsenter --net="/run/netns/$1" "${@:2}"; }

_hosts_veth() { echo "crl$(printf %s "$1" | sha256sum | cut -c1-8)"; }

hosts_free_subnet() { # SEED
    local n i
    n=$((16#$(printf %s "$1" | sha256sum | cut -c1-4) % 256))
    for ((i = 0; i < 256; i++)); do
        if ! ip route show table all | grep -q "198\.18\.$n\."; then
            echo "198.18.$n"
            return 0
        fi
        n=$(((n + 1) % 256))
    done
    echo "hosts: every subnet of 198.18.0.0/16 is in use" >&2
    return 1
}

_hosts_rules() { # -A|-D NAME SUBNET
    iptables -w -t nat "$1" POSTROUTING -s "$3.0/24" ! -d "$3.0/24" -m comment --comment "$2" -j MASQUERADE || return 1
    iptables -w "$1" FORWARD -s "$3.0/24" -m comment --comment "$2" -j ACCEPT || return 1
    iptables -w "$1" FORWARD -d "$3.0/24" -m comment --comment "$2" -j ACCEPT
}

hosts_up() { # NAME SUBNET HOST...
    local name=$1 subnet=$2 veth net=$1-net host n=1
    shift 2
    veth=$(_hosts_veth "$name")
    if [ ! -e "/run/netns/$net" ]; then
        ip netns add "$net"
        in_net "$net" ip link set lo up
        in_net "$net" ip link add br0 type bridge
        in_net "$net" ip link set br0 up
        ip link add "$veth" type veth peer name root netns "$net"
        in_net "$net" ip link set root master br0 up
        ip addr add "$subnet.1/24" dev "$veth"
        ip link set "$veth" up
        _hosts_rules -A "$name" "$subnet" 2>/dev/null || echo "hosts: no NAT here; hosts reach this machine only" >&2
        echo 1 >/proc/sys/net/ipv4/ip_forward 2>/dev/null || true
    fi
    for host in "$@"; do
        n=$((n + 1))
        [ -e "/run/netns/$host" ] || ip netns add "$host"
        in_net "$host" ip link show eth0 >/dev/null 2>&1 && continue
        in_net "$host" ip link set lo up
        in_net "$net" ip link add "host$n" type veth peer name eth0 netns "$host"
        in_net "$net" ip link set "host$n" master br0 up
        in_net "$host" ip addr add "$subnet.$n/24" dev eth0
        in_net "$host" ip link set eth0 up
        in_net "$host" ip route add default via "$subnet.1"
        # A registry may redirect Docker anywhere; these addresses may serve a machine's own credentials.
        in_net "$host" ip route add unreachable 169.254.0.0/16
    done
}

hosts_down() { # NAME SUBNET HOST...
    local name=$1 subnet=$2 host
    shift 2
    while _hosts_rules -D "$name" "$subnet" 2>/dev/null; do :; done
    ip link delete "$(_hosts_veth "$name")" 2>/dev/null || true
    for host in "$@" "$name-net"; do
        [ -e "/run/netns/$host" ] && ip netns delete "$host"
    done
    return 0
}
