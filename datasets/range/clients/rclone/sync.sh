#!/bin/bash
# A folder kept equal to a WebDAV drive by rclone: up, up again with nothing to do, changes, and down to another machine's folder.
# Forms: `basic` and `bearer` differ in the credential; `watch` looks for changes again and again.
set -u
RANDOM=$((RANGE_SEED % 32749))
ends=$((SECONDS + RANGE_SECONDS - 2))
between() { echo $(($1 + RANDOM % ($2 - $1 + 1))); }

export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_DRIVE_TYPE=webdav RCLONE_CONFIG_DRIVE_VENDOR=other
export RCLONE_CONFIG_DRIVE_URL="$RANGE_URL$RANGE_DAV"
if [ "$RANGE_FORM" = bearer ]; then
  export RCLONE_CONFIG_DRIVE_BEARER_TOKEN="$RANGE_API_KEY"
else
  export RCLONE_CONFIG_DRIVE_USER="$RANGE_EMAIL"
  RCLONE_CONFIG_DRIVE_PASS=$(rclone obscure "$RANGE_PASSWORD")
  export RCLONE_CONFIG_DRIVE_PASS
fi
remote="drive:team-$RANGE_SEED"
flags=(--retries 2 --low-level-retries 4 --transfers "$(between 1 4)" --checkers "$(between 1 8)" --ca-cert "$RANGE_CA" --stats 0)
[ "$(between 0 2)" = 0 ] && flags+=(--tpslimit "$(between 3 20)")
[ "$(between 0 3)" = 0 ] && flags+=(--user-agent "DriveMirror/$(between 1 4).$(between 0 20)")

run() {
  local left=$((ends - SECONDS))
  [ "$left" -gt 1 ] || exit 0
  timeout "$left" rclone "$@" "${flags[@]}"
  echo "$1: exit $?"
}
rest() {
  [ $((SECONDS + $1)) -lt "$ends" ] || exit 0
  sleep "$1"
}
write_file() {
  mkdir -p "$(dirname "$1")"
  head -c "$(between 200 30000)" /dev/zero | tr '\0' "$((RANDOM % 10))" >"$1"
}
fill() {
  for n in $(seq "$1"); do write_file "local/folder-$(between 1 "$folders")/file-$(between 1 999)-$n.txt"; done
}

folders=$(between 1 6)
fill "$(between 4 60)"
run sync local "$remote"
rest "$(between 1 5)"
run sync local "$remote"
rounds=1
[ "$RANGE_FORM" = watch ] && rounds=$(between 4 10)
for _ in $(seq "$rounds"); do
  rest "$(between 2 9)"
  [ "$(between 0 1)" = 1 ] && fill "$(between 1 5)"
  [ "$(between 0 3)" = 0 ] && rm -rf "local/folder-$(between 1 "$folders")"
  mkdir -p local
  run sync local "$remote"
done
run sync "$remote" other-machine
rest "$(between 1 4)"
run sync "$remote" other-machine
