# What the live tests of remote access have in common (source it after lib.sh): document 004's hub on real interfaces and
# vpnc clients. The caller has made the namespaces hub, inside, wan and those of the clients.
#
#   remote_hub [SED…]          starts the hub: FastEthernet0/0 is out0, FastEthernet0/1 is in0; its configuration is
#                              document 004's with these sed expressions, and what stands in hub.more behind it
#   console …, hub_says TEXT, sessions COUNT
#   client NAMESPACE USER PASSWORD OPTIONS…   a vpnc; its id is in $live_pid, what it was given in NAMESPACE.env
#   connected WHAT NAMESPACE   the inside host answers it

remote_hub() {
    local expressions=(-e '/^no logging on/d' -e 's/^ip route 0.0.0.0 0.0.0.0 .*/ip route 0.0.0.0 0.0.0.0 10.48.67.162/')
    local expression
    for expression in "$@"; do
        expressions+=(-e "$expression")
    done
    sed "${expressions[@]}" "$hub_config" | sed '/^end$/d' >hub.cfg
    {
        echo 'logging buffered 262144'
        echo 'crypto isakmp keepalive 10 2'
        [ ! -f hub.more ] || cat hub.more
    } >>hub.cfg
    cat >p.yaml <<'YAML'
memory-mb: 128
interfaces:
  FastEthernet0/0: { port: "net_af_packet0,iface=out0" }
  FastEthernet0/1: { port: "net_af_packet1,iface=in0" }
console: { socket: r.sock }
YAML
    live_spawn hub hub.log "$viaduct" run --platform p.yaml --config hub.cfg
    live_until 30 console -c 'show clock' || {
        live_fail "no console after 30 s"
        live_end
    }
    # What the stock script would do, without touching the machine's resolv.conf.
    cat >script <<'SCRIPT'
#!/bin/sh
env | grep -E '^(reason|INTERNAL_|CISCO_|TUNDEV|VPNGATEWAY)' >"$VPNC_TEST_OUT"
[ "$reason" = connect ] || exit 0
ip address add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
ip link set "$TUNDEV" mtu 1400 up
ip route add 10.1.0.0/23 dev "$TUNDEV"
SCRIPT
    chmod +x script
}

console() { "$viaduct" console -s "$work/r.sock" "$@" 2>&1; }
hub_says() { console -c 'show logging' | grep -F -- "$1" >/dev/null; }
sessions() { [ "$(console -c 'show vpn-sessiondb remote' | grep -c '10\.5\.5\.')" -eq "$1" ]; }

client() {
    local space=$1 user=$2 password=$3
    shift 3
    live_spawn "$space" "$space.log" env VPNC_TEST_OUT="$work/$space.env" vpnc --no-detach --pid-file "$work/$space.pid" \
        --script "$work/script" --gateway 10.48.67.181 --username "$user" --password "$password" --non-inter \
        --enable-weak-encryption --enable-weak-authentication "$@"
}
stop() { # namespace, signal, process
    # The client is the child of `ip netns exec`, which has replaced itself by it.
    live_kill "$2" "$3"
    rm -f "$work/$1.env"
}
inside_answers() { live_in "$1" ping -c 1 -W 1 10.1.1.10; }
connected() {
    if live_until 25 inside_answers "$2"; then
        live_pass "$1: inside network answers"
        return 0
    fi
    live_fail "$1: no answer from the inside network"
    return 1
}
remote_end() {
    if [ "$live_failures" -gt 0 ]; then
        for command in 'show logging' 'show crypto isakmp stats' 'show crypto session detail' 'show vpn-sessiondb detail' 'show interfaces'; do
            echo "── $command"
            console -c "$command" | tail -n 60
        done
    fi
    live_end
}
