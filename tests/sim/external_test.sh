#!/usr/bin/env bash
# A link of a lab bound to a real interface: the kernel pings through the lab's tunnel. Needs root (a network namespace
# and a packet socket); SKIPPED (exit status 77) otherwise.
#
#   kernel in namespace, 10.1.0.99 ── veth ── lan-west ── west ══ east ── pc-east 10.2.0.10
set -u
viaduct=$1
examples=$2
name="labext$$"
if [ "$(id -u)" != 0 ] || ! ip netns add "$name" 2>/dev/null; then
    echo "SKIPPED: needs root and network namespaces"
    exit 77
fi
folder=$(mktemp -d)
lab=
cleanup() {
    [ -n "$lab" ] && kill "$lab" 2>/dev/null && wait "$lab" 2>/dev/null
    ip netns del "$name"
    rm -rf "$folder"
}
trap cleanup EXIT

# One end in a namespace of its own, the other in a second one for the lab, so that nothing of this machine's network is touched.
ip netns exec "$name" ip link set lo up
ip netns exec "$name" ip link add v0 type veth peer name v1
ip netns exec "$name" ip link set v0 up
ip netns exec "$name" ip link set v1 up
ip netns exec "$name" ip addr add 10.1.0.99/24 dev v0
ip netns exec "$name" ip route add 10.2.0.0/24 via 10.1.0.1
cp "$examples/site-to-site/"*.cfg "$folder"
sed 's/lan-west: {}/lan-west: { external: v1 }/' "$examples/site-to-site/lab.yaml" >"$folder/lab.yaml"

ip netns exec "$name" "$viaduct" lab "$folder/lab.yaml" --real </dev/null >"$folder/out" 2>&1 &
lab=$!
for _ in $(seq 50); do
    ip netns exec "$name" ping -c 1 -W 1 10.2.0.10 >/dev/null 2>&1 && break
    sleep 0.1
done
if ! ip netns exec "$name" ping -c 5 -i 0.2 -s 1400 10.2.0.10 | tee "$folder/ping"; then
    cat "$folder/out"
    exit 1
fi
grep -q " 5 received" "$folder/ping" || exit 1
# The lab's delay of 10 ms each way is there in real time, too.
awk -F'[ /]' '/^rtt/ { exit !($7 >= 20) }' "$folder/ping" || exit 1
# Without --real it is refused with one sentence.
ip netns exec "$name" "$viaduct" lab "$folder/lab.yaml" --virtual </dev/null 2>"$folder/err"
[ $? = 2 ] && grep -q "needs --real" "$folder/err"
