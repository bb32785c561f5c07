#!/usr/bin/env bash
# newsboat, run by hand or by a timer: the feed every so often; it asks by ETag as it always does.
. "$(dirname "$0")/seat.sh"
mkdir -p .newsboat
echo "$RANGE_URL$(at feed)" > .newsboat/urls
printf 'ssl-verifypeer no\nreload-threads 1\n' > .newsboat/config
draw rounds 3 30
draw every 1500 12000
for (( n = 0; n < rounds; n++ )); do
  is_over && exit 0
  timeout 20 newsboat -x reload
  pause "$every"
done
