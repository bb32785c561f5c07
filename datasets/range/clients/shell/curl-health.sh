#!/usr/bin/env bash
# A watch in a few lines of shell: asks for the health page, or another, at a fixed interval.
. "$(dirname "$0")/seat.sh"
draw every 800 9000
draw rounds 6 90
draw what 0 5
draw named 0 3
agent=()
[ "$named" = 0 ] && agent=(-A "health-check/1.0 (ops)")
case $what in
  0) path=/ ;;
  1) path=$(at products) ;;
  *) path=$(at health) ;;
esac
probe() { curl -fsS -o /dev/null -m 5 "${agent[@]}" "$RANGE_URL$path"; }

for (( n = 0; n < rounds; n++ )); do
  is_over && exit 0
  probe || { pause 1000; probe; }
  pause "$every"
done
