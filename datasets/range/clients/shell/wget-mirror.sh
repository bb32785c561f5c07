#!/usr/bin/env bash
# A mirror by wget with timestamping: the site's pages a few levels deep, or the feed again and again.
. "$(dirname "$0")/seat.sh"
draw named 0 2
agent=()
[ "$named" = 0 ] && agent=(-U "docs-mirror/1.1 (admin@mirror.example)")
common=(-q -N --timeout=15 --tries=2 "${agent[@]}")
[ -n "$RANGE_CA" ] && common+=(--ca-certificate="$RANGE_CA")
draw rounds 1 3
[ "$RANGE_FORM" = feed ] && draw rounds 5 40
draw every 1500 10000
draw level 1 2
draw assets 0 1
draw tenths 1 9
requisites=()
[ "$assets" = 1 ] && requisites=(-p)
for (( n = 0; n < rounds; n++ )); do
  is_over && exit 0
  left=$(( range_ends - $(date +%s) ))
  if [ "$RANGE_FORM" = feed ]; then
    wget "${common[@]}" "$RANGE_URL$(at feed)"
  else
    walk=(-r -l "$level" -np -w "0.$tenths" --random-wait)
    timeout "$(( left > 1 ? left : 1 ))" wget "${common[@]}" "${walk[@]}" "${requisites[@]}" "$RANGE_URL$(at pages)"
  fi
  pause "$every"
done
