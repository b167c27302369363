# shellcheck shell=bash
# Stages of ./local/test: each is announced with the seconds so far, run, and counted.
# shellcheck disable=SC2329 # functions are called by name, through check, need and count

passed=0
failed=0
stages_failed=()
not_run=''
declare -A begun_pid begun_log

say() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

finish() {
    ((${#begun_pid[@]})) && kill "${begun_pid[@]}" 2>/dev/null
    if ((${#stages_failed[@]})); then
        printf '\nfailed: %s\n' "${stages_failed[*]}"
    fi
    printf '\n%s passed, %s failed%s\n' "$passed" "$failed" "$not_run"
    ((${#stages_failed[@]} == 0)) || exit 1
    exit 0
}

# A check that is one test: it passed or it failed.
check() {
    local name=$1
    shift
    say "$name"
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        stages_failed+=("$name")
    fi
}

# A step without which the rest cannot run.
need() {
    local name=$1
    shift
    say "$name"
    if ! "$@"; then
        failed=$((failed + 1))
        stages_failed+=("$name")
        finish
    fi
}

# Begins a step that mostly waits beside those that follow; `ended NAME` shows what it wrote and is what it came to.
begin() {
    local name=$1
    shift
    begun_log[$name]=$(mktemp)
    "$@" >"${begun_log[$name]}" 2>&1 &
    begun_pid[$name]=$!
}

ended() {
    local status=0
    wait "${begun_pid[$1]}" || status=$?
    cat "${begun_log[$1]}"
    rm -f "${begun_log[$1]}"
    unset "begun_pid[$1]"
    return "$status"
}

# Runs a test runner and adds what it counts. $1: name, $2: how to read "passed failed" from its output.
count() {
    local name=$1 reader=$2 log status numbers
    shift 2
    say "$name"
    log=$(mktemp)
    "$@" > >(tee "$log") 2>&1
    status=$?
    wait $!
    read -r -a numbers < <("$reader" "$log")
    rm -f "$log"
    passed=$((passed + ${numbers[0]:-0}))
    failed=$((failed + ${numbers[1]:-0}))
    if ((status != 0)); then
        stages_failed+=("$name")
        ((${numbers[1]:-0})) || failed=$((failed + 1))
    fi
}

# "Summary [ 1.0s] 9 tests run: 8 passed (1 slow), 1 failed, 0 skipped"; a time-out is a failure.
of_nextest() {
    local line word number=0 good=0 bad=0
    line=$(grep -E '^ +Summary \[' "$1" | tail -n 1 | sed 's/.*run: //; s/([^)]*)//g; s/,//g')
    for word in $line; do
        case $word in
            [0-9]*) number=$word ;;
            passed) good=$number ;;
            failed | timed | exec) bad=$((bad + number)) ;;
        esac
    done
    echo "$good $bad"
}

# "test result: ok. 3 passed; 0 failed; …", once for each crate.
of_cargo_test() {
    awk '/^test result:/ { for (i = 1; i < NF; i++) { if ($(i+1) == "passed;") p += $i; if ($(i+1) == "failed;") f += $i } }
         END { print p + 0, f + 0 }' "$1"
}

# "Tests  1 failed | 18 passed (19)"
of_vitest() {
    awk '/^ +Tests / { for (i = 2; i <= NF; i++) { if ($i == "passed") p = $(i-1); if ($i == "failed") f = $(i-1) } }
         END { print p + 0, f + 0 }' "$1"
}

# "# pass 8", "# fail 1", "# cancelled 1"
of_node_test() {
    awk '/^# pass / { p += $3 } /^# (fail|cancelled) / { f += $3 } END { print p + 0, f + 0 }' "$1"
}

# pytest: "1 failed, 3 passed in 2s"; terraform: "Success! 5 passed, 0 failed."
of_words() {
    local line
    line=$(grep -E '[0-9]+ (passed|failed)' "$1" | tail -n 1)
    echo "$(grep -oE '[0-9]+ passed' <<<"$line" | cut -d' ' -f1 | grep . || echo 0)" \
        "$(grep -oE '[0-9]+ (failed|error)' <<<"$line" | cut -d' ' -f1 | grep . || echo 0)"
}
