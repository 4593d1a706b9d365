# For the live tests (source it): network namespaces with a prefix, processes ended by their id, deadlines, logs of
# both ends on failure. A test that cannot run says SKIPPED with the reason and ends with status 77.
#
#   live_begin NAME       prefix of all namespaces; work folder in $work; cleaning up at exit, also after failure
#   live_namespace NAME   a namespace; its full name is "$(live_ns NAME)"
#   live_veth A a B b     a veth pair: interface a in namespace A, b in B
#   live_in NAME CMD…     runs a command in a namespace
#   live_spawn NAME LOG CMD…   starts a process in a namespace; its id is in $live_pid
#   live_until SECONDS CMD…    repeats a command until it succeeds; fails at the deadline
#   live_pass WHAT, live_fail WHAT, live_end

live_skip() {
    echo "SKIPPED: $1"
    exit 77
}

live_begin() {
    [ "$(id -u)" -eq 0 ] || live_skip "network namespaces are made as root only"
    live_prefix="$1-$$"
    live_spaces=()
    live_pids=()
    live_logs=()
    live_failures=0
    work=$(mktemp -d "/tmp/$1-XXXXXX")
    trap live_cleanup EXIT
    trap 'exit 1' INT TERM
}

live_need() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null || live_skip "$tool is not installed (scripts/setup installs it)"
    done
}

live_ns() { echo "$live_prefix-$1"; }

live_namespace() {
    ip netns add "$(live_ns "$1")" 2>/dev/null || live_skip "no network namespace can be made here"
    live_spaces+=("$1")
    ip -n "$(live_ns "$1")" link set lo up
}

live_veth() {
    ip -n "$(live_ns "$1")" link add "$2" type veth peer name "$4" netns "$(live_ns "$3")"
    ip -n "$(live_ns "$1")" link set "$2" up
    ip -n "$(live_ns "$3")" link set "$4" up
    # What a userspace stack reads must have whole checksums.
    ip netns exec "$(live_ns "$1")" ethtool -K "$2" tx off >/dev/null 2>&1
    ip netns exec "$(live_ns "$3")" ethtool -K "$4" tx off >/dev/null 2>&1
    return 0
}

live_in() {
    local space=$1
    shift
    ip netns exec "$(live_ns "$space")" "$@"
}

live_spawn() {
    local space=$1 log=$2
    shift 2
    ip netns exec "$(live_ns "$space")" "$@" >"$log" 2>&1 &
    live_pid=$!
    live_pids+=("$live_pid")
    live_logs+=("$log")
}

# By id, and only if it still is the process that we started.
live_kill() {
    kill "-$1" "$2" 2>/dev/null
    wait "$2" 2>/dev/null
    return 0
}

live_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

live_pass() { echo "ok: $1"; }

live_fail() {
    echo "FAILED: $1"
    live_failures=$((live_failures + 1))
}

live_cleanup() {
    local pid log space
    for pid in "${live_pids[@]}"; do
        kill -TERM "$pid" 2>/dev/null
    done
    for pid in "${live_pids[@]}"; do
        live_until 3 eval "! kill -0 $pid 2>/dev/null" || kill -KILL "$pid" 2>/dev/null
    done
    if [ "$live_failures" -gt 0 ]; then
        for log in "${live_logs[@]}"; do
            echo "── $log"
            tail -n 60 "$log"
        done
    fi
    for space in "${live_spaces[@]}"; do
        # What was left behind in it ends with it.
        for pid in $(ip netns pids "$(live_ns "$space")" 2>/dev/null); do
            kill -KILL "$pid" 2>/dev/null
        done
        ip netns del "$(live_ns "$space")" 2>/dev/null
    done
    rm -rf "$work"
}

live_end() {
    [ "$live_failures" -eq 0 ] || {
        echo "$live_failures failures"
        exit 1
    }
}
