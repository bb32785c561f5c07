#!/usr/bin/env bash
# What crontabs run: a small export with a key, or a file fetched only when it is new (by ETag or by date).
. "$(dirname "$0")/seat.sh"
draw named 0 2
draw bearer 0 1
agent=()
[ "$named" = 0 ] && agent=(-A "cron-export/2 curl")
credential=(-H "X-Api-Key: $RANGE_API_KEY")
[ "$bearer" = 1 ] && credential=(-H "Authorization: Bearer $RANGE_API_KEY")

fetch() { curl -sS -m 20 --retry 3 --retry-max-time 20 "${agent[@]}" "$@"; }

export_list() {
  local kinds=(orders customers products) path page pages size
  draw page 0 2
  kind=${kinds[$page]}
  draw pages 1 25
  draw size 1 4
  path="$(at "$kind")?limit=$((size * 25))"
  for (( page = 0; page < pages; page++ )); do
    is_over && return
    fetch "${credential[@]}" "$RANGE_URL$path" > page.json || return
    ids < page.json >> export.txt
    path=$(grep -o '"next" *: *"[^"]*"' page.json | tail -n 1 | sed 's/^[^:]*: *"//; s/"$//')
    [ -z "$path" ] && return
    draw gap 10 900
    pause "$gap"
  done
}

# By the ids of the last export: a few single records.
export_items() {
  local id few
  draw few 0 12
  for id in $(head -n "$few" export.txt); do
    is_over && return
    fetch "${credential[@]}" -o "item-$id.json" "$RANGE_URL$(at "${kind%s}" "$id")"
  done
}

draw rounds 1 5
[ "$RANGE_FORM" != export ] && draw rounds 4 50
draw every 1500 9000
watched=$(at feed)
draw other 0 2
[ "$other" = 0 ] && watched=$(at sitemap)
[ "$other" = 1 ] && watched="$(at products)?limit=50"
for (( n = 0; n < rounds; n++ )); do
  is_over && exit 0
  case $RANGE_FORM in
    etag) fetch --etag-save etag.new --etag-compare etag.txt -o watched.new "$RANGE_URL$watched"
      [ -s etag.new ] && mv etag.new etag.txt
      touch etag.txt ;;
    modified) since=()
      [ -f watched ] && since=(-z watched)
      fetch -R "${since[@]}" -o watched "$RANGE_URL$watched" ;;
    *) : > export.txt
      export_list
      draw items 0 2
      [ "$items" = 0 ] && export_items ;;
  esac
  pause "$every"
done
