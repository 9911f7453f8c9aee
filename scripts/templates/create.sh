# What new-workload and new-executor share: checks a name, fills a template in, adds lines to lists.
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() {
    echo "error: $*" >&2
    exit 64
}

# NAME FOLDER PACKAGE: nothing is written unless the name is kebab-case and the rest is free. Sets crate and type.
refuse_unless_free() {
    local name=$1 folder=$2 package=$3
    [ -n "$name" ] || refuse "which NAME? $0 NAME"
    [[ $name =~ ^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$ ]] || refuse "\`$name\` is not kebab-case: use words like sleep-fan-out"
    case $name in
    as | async | await | box | break | const | continue | core | crate | do | dyn | else | enum | extern | false | final | \
        fn | for | gen | if | impl | in | let | loop | macro | match | mod | move | mut | override | priv | pub | ref | \
        return | self | static | std | struct | super | test | trait | true | try | type | typeof | unsafe | unsized | \
        use | virtual | where | while | yield | alloc | templates)
        refuse "\`$name\` is a word of Rust: use another" ;;
    esac
    [ ! -e "$folder" ] || refuse "$folder is taken"
    ! grep -q "^name = \"$package\"$" Cargo.lock || refuse "\`$package\` is taken: a package in Cargo.lock has this name"
    ! grep -qr "name: \"$name\"," workloads executors || refuse "\`$name\` is taken: the report has something by this name"
    crate=${name//-/_}
    type=$(awk -F- '{ for (i = 1; i <= NF; i++) printf "%s", toupper(substr($i, 1, 1)) substr($i, 2) }' <<<"$name")
}

# TEMPLATE FOLDER
make_crate() {
    cp -R "scripts/templates/$1" "$2"
    find "$2" -type f | while read -r file; do
        replace "$file" sed -e "s/{{name}}/$name/g" -e "s/{{crate}}/$crate/g" -e "s/{{Type}}/$type/g"
    done
}

# after|last PATTERN FILE LINE: adds the line behind the first that matches, or behind the last.
insert() {
    local matches
    matches=$(grep -n "$2" "$3" | cut -d: -f1)
    [ -n "$matches" ] || refuse "$3 has no line like \`$2\`"
    case $1 in
    after) matches=$(head -n 1 <<<"$matches") ;;
    last) matches=$(tail -n 1 <<<"$matches") ;;
    esac
    replace "$3" awk -v number="$matches" -v line="$4" '{ print } NR == number { print line }'
}

# FILE COMMAND...: the file becomes what the command makes of it.
replace() {
    local file=$1
    shift
    "$@" <"$file" >"$file.new"
    mv "$file.new" "$file"
}

# The lock file learns of the new crate; if cargo cannot now, its next build does it.
update_lock() {
    cargo update --workspace --offline --quiet || true
}
