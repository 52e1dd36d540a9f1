#!/usr/bin/env bash
# Port ratios of fixed, hashed and allocated UDP source ports against the Linux kernel's multipath routing.
#
# Two network namespaces are joined by LINKS veth pairs; a multipath route in the first spreads UDP to port 4791 over them by the
# kernel's 5-tuple hash (net.ipv4.fib_multipath_hash_policy=1). Options are passed on: see run.sh --help.
#
# Needs: root, JDK 25, the jar of "mvn package", and iproute2 and procps (apt-get install iproute2 procps).
# Environment: LINKS (default 2), PEERS (default 8), JAVA (the java command).
set -euo pipefail
unset CDPATH

links=${LINKS:-2}
peers=${PEERS:-8}
root=$(cd "$(dirname "$0")/../../.." && pwd)
jar=$root/bench/target/benchmarks.jar
near=ecmp-near-$$
far=ecmp-far-$$
source=10.77.0.1

fail() {
    echo "$1" >&2
    exit 2
}

is_java_25() {
    "$1" -version 2>&1 | grep -Eq 'version "(2[5-9]|[3-9][0-9])'
}

find_java() {
    local java
    for java in "${JAVA:-}" "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        if [[ -n $java && -x $(command -v "$java") ]] && is_java_25 "$java"; then
            echo "$java"
            return
        fi
    done
}

[[ $links =~ ^[0-9]+$ && $links -ge 2 && $links -le 16 ]] || fail "LINKS=$links must be 2 to 16"
[[ $peers =~ ^[0-9]+$ && $peers -ge 1 && $peers -le 200 ]] || fail "PEERS=$peers must be 1 to 200"
java=$(find_java)
[[ -n $java ]] || fail "no JDK 25 found: set JAVA"
[[ -f $jar ]] || fail "$jar is missing: run mvn -pl bench -am package"
for tool in ip sysctl; do
    command -v "$tool" > /dev/null || fail "$tool is missing: apt-get install iproute2 procps"
done
[[ $(id -u) -eq 0 ]] || fail "network namespaces need root"

remove_namespaces() {
    ip netns del "$near" 2> /dev/null || true
    ip netns del "$far" 2> /dev/null || true
}
trap remove_namespaces EXIT
ip netns add "$near"
ip netns add "$far"
for namespace in "$near" "$far"; do
    ip -n "$namespace" link set lo up
    ip netns exec "$namespace" sysctl -qw net.ipv4.fib_multipath_hash_policy=1 net.ipv6.conf.all.disable_ipv6=1 \
        net.ipv6.conf.default.disable_ipv6=1
done
ip -n "$near" address add "$source/32" dev lo

hops=()
interfaces=()
for ((i = 0; i < links; i++)); do
    far_mac=$(printf '02:00:00:00:01:%02x' "$i")
    ip -n "$near" link add "port$i" type veth peer name "port$i" netns "$far" address "$far_mac"
    ip -n "$near" address add "10.77.$((i + 1)).1/24" dev "port$i"
    ip -n "$far" address add "10.77.$((i + 1)).2/24" dev "port$i"
    ip -n "$near" link set "port$i" up
    ip -n "$far" link set "port$i" up
    ip -n "$near" neighbour replace "10.77.$((i + 1)).2" lladdr "$far_mac" dev "port$i" nud permanent
    hops+=(nexthop via "10.77.$((i + 1)).2" dev "port$i" weight 1)
    interfaces+=("port$i")
done
ip -n "$near" route add 10.78.0.0/24 src "$source" "${hops[@]}"
destinations=()
for ((i = 1; i <= peers; i++)); do
    ip -n "$far" address add "10.78.0.$i/32" dev lo
    destinations+=("10.78.0.$i")
done

IFS=,
ip netns exec "$near" "$java" -cp "$jar" io.expertlane.bench.peers.LinuxEcmp --interfaces "${interfaces[*]}" --source "$source" \
    --destinations "${destinations[*]}" "$@"
