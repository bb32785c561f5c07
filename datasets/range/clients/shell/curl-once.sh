#!/usr/bin/env bash
# A look by hand or by another program: one call, rarely two or three.
. "$(dirname "$0")/seat.sh"
draw calls 1 8
(( calls = calls > 6 ? calls - 5 : 1 ))
json=(-H 'Content-Type: application/json')
for (( n = 0; n < calls; n++ )); do
  draw what 0 9
  case $what in
    0) curl -sS -I "$RANGE_URL/" ;;
    1) curl -sS "$RANGE_URL$(at health)" ;;
    2) curl -sS "$RANGE_URL$(at products)?limit=3" ;;
    3) curl -sS -H "X-Api-Key: $RANGE_API_KEY" "$RANGE_URL$(at orders)?limit=1" ;;
    4) curl -sS "$RANGE_URL$(at orders)" ;;
    5) curl -sS "${json[@]}" \
      -d "{\"email\":\"$RANGE_EMAIL\",\"password\":\"$RANGE_PASSWORD\"}" "$RANGE_URL$(at login)" ;;
    6) curl -sS "$RANGE_URL$(at feed)" ;;
    7) curl -sS -L --compressed "$RANGE_URL/" ;;
    8) curl -sS "$RANGE_URL$(at openapi)" ;;
    9) curl -sS -X POST "${json[@]}" -d '{"event":"test"}' "$RANGE_URL$(at hooks test)" ;;
  esac > /dev/null
  draw gap 500 6000
  pause "$gap"
done
