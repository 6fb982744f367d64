#!/usr/bin/env bash
# Shows step by step how jobs end of vendors that do not call back: polled, and answered at once. See README.md.
set -euo pipefail
cd "$(dirname "$0")"

STORY=polling-flow
source steps.sh

say "1. MediaProviders with completion: Poll, and one that answers at once"
start_anew
for name in pictures clips voice; do
    kubectl wait mediaprovider/$STORY-$name --for=condition=Ready --timeout=60s
done

say "2. The story is applied"
kubectl apply -f story.yaml

say "3. The narration is the answer to its own request: no job to follow, no callback, no poll"
until_step asked audio '[ "$(field phase)" = Succeeded ]'
show asked audio phase callback output.uri

say "4. The picture is a job: submitted, then asked about until it is done"
until_step asked image '[ -n "$(field jobId)" ]'
show asked image jobId submittedAt
until_step asked image '[ "$(field phase)" = Succeeded ]'
show asked image phase callback output.uri

say "5. The clip starts from that picture and is asked about as well"
until_step asked video '[ -n "$(field jobId)" ]'
show asked video jobId submittedAt
until_step asked video '[ "$(field phase)" = Succeeded ]'
show asked video phase callback output.uri

say "6. The film, and what reached the vendors: each job once"
kubectl wait storyjob/$STORY --for=condition=Complete --timeout=120s
kubectl get storyjob $STORY
ledger
