#!/usr/bin/env bash
# A job of a build server: starts a build, asks until it is done, sends and fetches artifacts, tries again what fails.
. "$(dirname "$0")/seat.sh"
draw named 0 2
agent=()
[ "$named" = 0 ] && agent=(-A "ci-runner/17.2 (linux; amd64)")

# Prints the answer; a refusal for the moment is tried again as curl does it (Retry-After is kept).
call() { curl -sS -m 30 --retry 4 --retry-max-time 30 "${agent[@]}" -H "Authorization: Bearer $RANGE_API_KEY" "$@"; }

draw builds 1 4
draw every 400 4000
draw files 0 10
draw size 1 200
for (( b = 0; b < builds; b++ )); do
  is_over && exit 0
  draw commit 100000 999999
  id=$(call -X POST -H 'Content-Type: application/json' \
    -d "{\"ref\":\"main\",\"commit\":\"$commit\"}" "$RANGE_URL$(at builds)" | field id)
  # A cache of an earlier build: often there is none.
  draw cache 1 6
  call -f -o cache.tgz "$RANGE_URL$(at artifacts "cache-$cache.tgz")"
  for (( polls = 0; polls < 60; polls++ )); do
    is_over && exit 0
    status=$(call "$RANGE_URL$(at build "$id")" | field status)
    [ "$status" = "done" ] && break
    pause "$every"
  done
  for (( n = 0; n < files; n++ )); do
    is_over && exit 0
    head -c "$(( size * 1000 ))" /dev/urandom > "part-$n.bin"
    call -T "part-$n.bin" -H 'Content-Type: application/octet-stream' \
      "$RANGE_URL$(at artifacts "build-$commit-$n.bin")" > /dev/null
  done
  [ -f part-0.bin ] && call -T part-0.bin "$RANGE_URL$(at artifacts "cache-$cache.tgz")" > /dev/null
  draw back 0 1
  [ "$back" = 1 ] && [ "$files" -gt 0 ] && call -o fetched.bin "$RANGE_URL$(at artifacts "build-$commit-0.bin")"
  draw gap 500 6000
  pause "$gap"
done
