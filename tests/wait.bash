# Runs a command again and again until it succeeds, for five seconds.
wait_for() { # a command
    for _ in $(seq 500); do
        ! "$@" || return 0
        sleep 0.01
    done
    return 1
}
