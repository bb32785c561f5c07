#!/usr/bin/env bash
# A look by hand with wget: one call, rarely more.
. "$(dirname "$0")/seat.sh"
draw calls 1 7
(( calls = calls > 5 ? calls - 4 : 1 ))
look() { wget -q --ca-certificate="$RANGE_CA" "$@"; }
for (( n = 0; n < calls; n++ )); do
  draw what 0 6
  case $what in
    0) look --spider "$RANGE_URL/" ;;
    1) look -O - "$RANGE_URL$(at health)" ;;
    2) look -O - "$RANGE_URL$(at products)?limit=5" ;;
    3) look -O - --header "X-Api-Key: $RANGE_API_KEY" "$RANGE_URL$(at orders)?limit=2" ;;
    4) look -O - "$RANGE_URL$(at orders)" ;;
    5) look -O - "$RANGE_URL$(at feed)" ;;
    6) look -O - --post-data '{"event":"ping"}' --header 'Content-Type: application/json' "$RANGE_URL$(at hooks test)" ;;
  esac > /dev/null
  draw gap 500 6000
  pause "$gap"
done
