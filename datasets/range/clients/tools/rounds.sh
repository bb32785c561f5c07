#!/usr/bin/env bash
# Runs a tool in rounds, with pauses between them:
#   rounds.sh ROUNDS LEAST MOST LIST COMMAND…
# LIST is a file that is cut into ROUNDS parts, or ''. In COMMAND's arguments
#   {PART}     becomes the round's part
#   {LINE}     the list's line of the round's number
#   {TOKEN}    a fresh token: log-in at TOOL_LOGIN with RANGE_EMAIL and RANGE_PASSWORD
#   {ADDRESS}  the address of TOOL_HOST
#   {IDS}      a file of TOOL_IDS ids that begin near the first one listed at TOOL_LIST, in TOOL_ORDER (up, down, shuffled)
set -u
rounds=$1 least=$2 most=$3 list=$4
shift 4
RANDOM=${RANGE_SEED:-1}

if [ -n "$list" ]; then
  split --number="l/$rounds" --numeric-suffixes=1 --suffix-length=3 "$list" part.
fi
address=''
case "$*" in *'{ADDRESS}'*) address=$(getent ahostsv4 "$TOOL_HOST" | awk 'NR == 1 { print $1 }') ;; esac

fetch_token() {
  curl --silent --max-time 10 --insecure --header 'Content-Type: application/json' \
    --data "{\"email\":\"$RANGE_EMAIL\",\"password\":\"$RANGE_PASSWORD\"}" "$TOOL_LOGIN" |
    sed -n 's/.*"token" *: *"\([^"]*\)".*/\1/p'
}

random_uuid() {
  printf '%04x%04x-%04x-4%03x-a%03x-%04x%04x%04x\n' $RANDOM $RANDOM $RANDOM $((RANDOM % 4096)) $((RANDOM % 4096)) $RANDOM $RANDOM $RANDOM
}

# Where ids are UUIDs there is no counting: those listed come first, then leaked ones (RANGE_IDS) where there are any,
# else made-up ones.
write_ids() {
  local credential="${1:-$RANGE_API_KEY}" listed first
  listed=$(curl --silent --max-time 10 --insecure --header "Authorization: Bearer $credential" "$TOOL_LIST" |
    grep -o '"id" *: *"\?[0-9a-f-]*' | grep -o '[0-9a-f-]*$')
  first=$(printf '%s\n' "$listed" | head -n 1)
  case "$first" in
    *[!0-9]* | '')
      printf '%s\n' "$listed"
      if [ -r "${RANGE_IDS:-}" ]; then
        shuf --head-count="$TOOL_IDS" --random-source=<(yes "${RANGE_SEED:-1}") "$RANGE_IDS"
      else
        for ((i = 0; i < TOOL_IDS; i++)); do random_uuid; done
      fi
      ;;
    *) seq $((first - RANDOM % 20)) $((first + TOOL_IDS)) ;;
  esac | case "$TOOL_ORDER" in
    down) tac ;;
    shuffled) shuf --random-source=<(yes "${RANGE_SEED:-1}") ;;
    *) cat ;;
  esac | head -n "$TOOL_IDS" >ids.txt
}

for ((round = 1; round <= rounds; round++)); do
  token=''
  case "$*" in *'{TOKEN}'*) token=$(fetch_token) ;; esac
  case "$*" in *'{IDS}'*) write_ids "$token" ;; esac
  line=''
  case "$*" in *'{LINE}'*) line=$(sed -n "${round}p" "$list") ;; esac
  args=()
  for arg in "$@"; do
    arg=${arg//'{PART}'/$PWD/part.$(printf '%03d' "$round")}
    arg=${arg//'{LINE}'/$line}
    arg=${arg//'{TOKEN}'/$token}
    arg=${arg//'{IDS}'/ids.txt}
    args+=("${arg//'{ADDRESS}'/$address}")
  done
  "${args[@]}" </dev/null
  if ((round < rounds)); then
    # Tenths of a second, evenly between the least and the most pause.
    tenths=$((least * 10 + RANDOM % ((most - least) * 10 + 1)))
    sleep "$((tenths / 10)).$((tenths % 10))"
  fi
done
