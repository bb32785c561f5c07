#!/usr/bin/env bash
# Fetches files as a person or a script does that was given their addresses: aria2 or axel, in pieces, each perhaps once more.
. "$(dirname "$0")/seat.sh"
tool=$1
credential="X-Api-Key: $RANGE_API_KEY"
draw rounds 2 15
draw every 500 9000
files=($(curl -sS -H "$credential" "$RANGE_URL$(at files)" | ids))
for (( n = 0; n < rounds; n++ )); do
  is_over && exit 0
  draw which 0 $(( ${#files[@]} > 0 ? ${#files[@]} - 1 : 0 ))
  draw pieces 1 5
  draw asset 0 3
  target="$RANGE_URL$(at file "${files[which]:-none}")"
  [ "$asset" = 0 ] && target="$RANGE_URL$(at sitemap)"
  if [ "$tool" = aria2 ]; then
    timeout 20 aria2c -q -x "$pieces" -s "$pieces" -k 1M --ca-certificate="$RANGE_CA" --header="$credential" \
      -o "got-$n" "$target"
  else
    timeout 20 axel -q -k -n "$pieces" -H "$credential" -o "got-$n" "$target"
  fi
  pause "$every"
done
