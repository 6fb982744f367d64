#!/usr/bin/env bash
# Shows step by step how a job that calls back ends, and one whose callback is lost. See README.md.
set -euo pipefail
cd "$(dirname "$0")"

STORY=webhook-flow
source ../test-polling-flow/steps.sh

say "1. A MediaProvider with completion: Webhook"
start_anew
kubectl wait mediaprovider/$STORY --for=condition=Ready --timeout=60s

say "2. The simulator is told to lose one callback, and the story is applied"
simulator /_sim/faults '[{"fault": "lost-webhook", "match": {"prompt_contains": "webhook-flow, lost"}}]' > /dev/null
kubectl apply -f story.yaml

say "3. Both jobs run: the vendor told their ids, the operator wrote them down"
until_step called-back image '[ -n "$(field jobId)" ]'
until_step lost image '[ -n "$(field jobId)" ]'
show called-back image phase jobId submittedAt
show lost image phase jobId submittedAt

say "4. The vendor calls back: the sidecar checks the signature and records it, the operator asks the vendor and stores"
until_step called-back image '[ "$(field callback.ended)" = true ]'
until_step called-back image '[ "$(field phase)" = Succeeded ]'
show called-back image phase callback.jobId callback.at output.uri

say "5. The other callback never comes: the slow poll finds the result"
until_step lost image '[ "$(field phase)" = Succeeded ]'
show lost image phase callback output.uri

say "6. The film, and what reached the vendor: each job once"
kubectl wait storyjob/$STORY --for=condition=Complete --timeout=120s
kubectl get storyjob $STORY
ledger
