# What the flows' scripts have in common. They set STORY first.
NAMESPACE=${NAMESPACE:-default}

say() { printf '\n== %s\n' "$*"; }

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

kubectl() { command kubectl --namespace "$NAMESPACE" "$@"; }

simulator() { # path [json]: the answer of the simulator's own endpoints
    curl --silent --show-error --fail --noproxy '*' ${2:+--header "Content-Type: application/json" --data "$2"} "$SIMULATOR_URL$1"
}

start_anew() { # without what an earlier run left, and with the providers
    kubectl delete storyjob "$STORY" --ignore-not-found
    sed "s|\${SIMULATOR_URL}|$SIMULATOR_URL|" providers.yaml | kubectl apply -f -
}

step_field() { # scene step field
    kubectl get scenes --selector "storyjob.dev/story=$STORY,storyjob.dev/scene=$1" \
        --output "jsonpath={.items[*].status.steps.$2.$3}"
}

until_step() { # scene step test: waits until the test is true, in which $(field …) stands for a field of the step
    field() { step_field "$scene" "$step" "$1"; }
    local scene=$1 step=$2
    for _ in $(seq 400); do
        if eval "$3"; then return; fi
        sleep 0.2
    done
    fail "$scene $step never came so far that $3"
}

show() { # scene step field…
    local scene=$1 step=$2 value
    shift 2
    for name in "$@"; do
        value=$(step_field "$scene" "$step" "$name")
        printf '   %-12s %-6s %-14s %s\n' "$scene" "$step" "$name" "${value:-(none)}"
    done
}

ledger() { # what the simulator says of the story's jobs; fails if one was submitted twice
    JOBS=$(kubectl get scenes --selector "storyjob.dev/story=$STORY" --output 'jsonpath={.items[*].status.steps.*.jobId}') \
        LEDGER=$(simulator /_sim/ledger) python3 - <<'PYTHON'
import json, os, sys

jobs = os.environ["JOBS"].split()
entries = [entry for entry in json.loads(os.environ["LEDGER"]) if entry["job_id"] in jobs]
for entry in entries:
    taken = sum(each["event"] == "completed" and each["status"] == 200 for each in entry["deliveries"])
    asked_for = "asked to call back" if entry["webhook"] else "not asked to call back"
    print(f"   {entry['kind']:6}{entry['state']:11}callbacks taken: {taken}  polls: {entry['polls']}  {asked_for}")
texts = [(entry["kind"], entry["text"]) for entry in entries]
sys.exit(0 if len(entries) == len(jobs) == len(set(texts)) else "the ledger does not show each job once")
PYTHON
}

command -v kubectl > /dev/null || fail "kubectl is not on PATH"
if [ -z "${SIMULATOR_URL:-}" ]; then
    endpoint=$(command kubectl --namespace default get mediaprovider pictures --output 'jsonpath={.spec.endpoint}') ||
        fail "set SIMULATOR_URL, or run the local world with make run"
    SIMULATOR_URL=${endpoint%/replicate}
fi
