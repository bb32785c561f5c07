#!/usr/bin/env bash
# Old programs in their owners' hands; $1 says which: check_http (a monitoring plugin, run on a timer), lynx and w3m (someone reads the
# site on a terminal), lftp (a mirror of the site's pages).
. "$(dirname "$0")/seat.sh"

check_http() {
  local place port targets target
  place=${RANGE_URL#https://}
  port=${place#*:}
  place=${place%%:*}
  targets=("$(at health)" / "$(at products)?limit=1" "$(at feed)")
  draw which 0 3
  draw every 800 8000
  draw rounds 8 80
  target=${targets[which]}
  [ "$which" = 2 ] && text=(-s items)
  for (( n = 0; n < rounds; n++ )); do
    is_over && return
    /usr/lib/nagios/plugins/check_http -H "$place" -p "$port" -S --sni -u "$target" -t 8 "${text[@]}" || { pause 1000; n=$((n + 1)); }
    pause "$every"
  done
}

# The page, then some of what it links to, as one reads on.
read_on() {
  local page=$RANGE_URL/ rounds
  draw rounds 3 25
  draw every 700 7000
  for (( n = 0; n < rounds; n++ )); do
    is_over && return
    "$1" "$page" > page.txt
    mapfile -t links < <(grep -oE "https://[^ ]+" page.txt | grep -F "$RANGE_URL" | sort -u)
    [ "${#links[@]}" -eq 0 ] && page=$RANGE_URL/ || { draw which 0 $(( ${#links[@]} - 1 )); page=${links[which]}; }
    pause "$every"
  done
}
lynx_dump() { timeout 15 lynx -dump -accept_all_cookies "$1"; }
w3m_dump() { timeout 15 w3m -dump -o ssl_ca_file="$RANGE_CA" -o display_link_number=1 -o decode_url=1 "$1"; }

lftp_mirror() {
  draw depth 2 4
  draw every 2000 15000
  draw rounds 1 4
  printf 'set ssl:ca-file %s\nset net:timeout 8\nset net:max-retries 2\nset net:limit-total-rate 60000\n' "$RANGE_CA" > "$HOME/.lftprc"
  for (( n = 0; n < rounds; n++ )); do
    is_over && return
    timeout 30 lftp -c "open $RANGE_URL && mirror --only-newer --max-errors=20 -P 1 -x '/?dav/' / site"
    pause "$every"
  done
}

case $1 in
  lynx | w3m) read_on "$1_dump" ;;
  lftp) lftp_mirror ;;
  *) "$1" ;;
esac
