# Holes in a copy of the sources, for scripts that want to see them found: sourced by mutants.sh and planted.sh.
#
# All holes of a script are built at once, and each opens by a variable that only the copy knows, so that one build
# serves all. `root` is the checkout's root; what is said of a script is said of the one that sources this.

# copy_sources NAME: copies the sources to target/NAME/sources, goes there, and has cargo build in target/NAME/target.
copy_sources() {
  copy=$root/target/$1
  mkdir -p "$copy"
  rm -rf "$copy/sources"
  mkdir "$copy/sources"
  (cd "$root" && git ls-files -co --exclude-standard -z | tar --null --ignore-failed-read -T - -cf -) |
    tar -x -C "$copy/sources"

  export CARGO_TARGET_DIR=$copy/target
  cd "$copy/sources"
}

# What is built of other people's crates need not be built again: what is large is linked, what may be written is
# copied. It does no harm where a build that runs meanwhile takes a file away.
share_builds() {
  if [ -d "$root/target/debug/deps" ] && [ ! -d "$CARGO_TARGET_DIR" ]; then
    mkdir -p "$CARGO_TARGET_DIR"
    (
      cd "$root/target"
      find debug/deps -type f ! -name '*trellis*' \( -name '*.rlib' -o -name '*.rmeta' -o -name '*.so' \) -print0 |
        xargs -0 cp -al --parents -t "$CARGO_TARGET_DIR" || true
      find debug/deps -type f ! -name '*trellis*' -name '*.d' -print0 | xargs -0 cp -a --parents -t "$CARGO_TARGET_DIR" || true
      tar -cf - --exclude='*trellis*' debug/build debug/.fingerprint | tar -x -C "$CARGO_TARGET_DIR" || true
    )
  fi
}

# hole NAME FILE FROM TO: FROM is text that stands in FILE exactly once.
hole() {
  local name=$1 file=$2 script
  FROM=$3 TO=$4 perl -0pi -e '
    my $times = () = /\Q$ENV{FROM}\E/g;
    $times == 1 or die "hole '"$name"': found $times times in '"$file"', wanted once: $ENV{FROM}\n";
    s/\Q$ENV{FROM}\E/$ENV{TO}/' "$file"
  if ! grep -q 'fn hole_is_open' "$file"; then
    printf '%s\n' '' 'pub(crate) fn hole_is_open(name: &str) -> bool {' \
      '    std::env::var("OTEL_TRELLIS_HOLE").is_ok_and(|open| open == name)' '}' >>"$file"
  fi
  # As old as what it is made of, so that what did not change is not built again.
  touch -r "$root/$file" "$file"
  for script in "$root/tests/holes.sh" "$root/tests/$(basename "$0")"; do
    [ ! "$script" -nt "$file" ] || touch -r "$script" "$file"
  done
}
