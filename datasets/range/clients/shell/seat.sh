# What the range hands a client: paths, a seeded generator and a clock that ends in time. Sourced by the others.
RANDOM=$((RANGE_SEED % 32768))
range_ends=$(( $(date +%s) + RANGE_SECONDS - 1 ))

# Path of a logical name; an id fills its {}.
at() {
  local path
  path=$(printf '%s' "$RANGE_API" | grep -o "\"$1\" *: *\"[^\"]*\"" | head -n 1 | sed 's/^[^:]*: *"//; s/"$//')
  printf '%s' "${path/\{\}/${2:-}}"
}

# Sets the variable $1 to a whole number from $2 to $3 (no subshell: there the generator would start anew).
draw() { printf -v "$1" '%d' $(( $2 + (RANDOM * 32768 + RANDOM) % ($3 - $2 + 1) )); }

is_over() { [ "$(date +%s)" -ge "$range_ends" ]; }

# Waits for $1 milliseconds, but never past the end.
pause() {
  local left=$(( (range_ends - $(date +%s)) * 1000 )) ms=$1
  [ "$ms" -gt "$left" ] && ms=$left
  [ "$ms" -gt 0 ] && sleep "$(( ms / 1000 )).$(printf '%03d' $(( ms % 1000 )))"
  return 0
}

# The value of a text or number field of a JSON answer on standard input: the first of that name.
field() { grep -o "\"$1\" *: *\(\"[^\"]*\"\|[0-9][0-9.]*\)" | head -n 1 | sed 's/^[^:]*: *//; s/^"//; s/"$//'; }

# All ids of a JSON answer on standard input.
ids() { grep -o '"id" *: *\("[^"]*"\|[0-9]*\)' | sed 's/^[^:]*: *//; s/"//g'; }
