#!/bin/bash
# Races on nodes of a cluster, a whole race on each, and draws one page of all. Written by `bench-report slurm`.
#
# `bash` with this file submits it: an array with an element for each node, and a job that draws the page when all have ended.
# Submitted again it goes on: a node that has raced is left alone, a race that was left before its end is resumed.
#SBATCH --job-name=photofinish
#SBATCH --nodes=1
#SBATCH --requeue
# Jobs write their own logs beside this file: the folder may have a name that Slurm takes for a pattern.
#SBATCH --output=/dev/null
@DIRECTIVES@
set -euo pipefail
shopt -s nullglob

# The folder of this file, which all nodes have to see.
out=@OUT@
programs=$out/programs
# The arguments of each race.
arguments=(@ARGUMENTS@)
# The features of nodes that are raced, one after the other; an empty one is that of every node.
kinds=(@KINDS@)
partition=@PARTITION@
# The nodes of each kind, and the parts that a race is cut into for them.
nodes=@NODES@
parts=@PARTS@

say() { printf 'photofinish: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# Races on this node, or goes on with its race. The lab takes the place of this shell, so that whoever ends the job asks the lab.
race() {
    exec >>"$out/log-$SLURM_ARRAY_JOB_ID-$SLURM_ARRAY_TASK_ID.txt" 2>&1
    local node part kind
    read -r node part kind < <(tail -n "+$((SLURM_ARRAY_TASK_ID + 1))" "$out/elements") || fail "there is no element $SLURM_ARRAY_TASK_ID in $out/elements"
    # Figures are those of a machine: a race goes on where it began, or nowhere.
    [ "$node" = "$SLURMD_NODENAME" ] || fail "this element is to race on $node, and was started on $SLURMD_NODENAME"
    local folder=$out/$node
    local run=("$programs/bench-report" run --track "$programs/track" --out "$folder")
    mkdir -p "$folder"
    local finished=("$folder"/runs/*/results.json) begun=("$folder"/runs/*/plan.json)
    if [ ${#finished[@]} -gt 0 ]; then
        [ -e "$folder/results.json" ] || cp -- "${finished[-1]}" "$folder/results.json"
        say "$node has raced already"
        return
    fi
    check
    if [ ${#begun[@]} -gt 0 ]; then
        say "goes on with the race on $node"
        exec "${run[@]}" --resume
    fi
    [ "$parts" -eq 1 ] || run+=(--part "$part/$parts")
    exec "${run[@]}" "${arguments[@]}"
}

# Draws the page of all nodes that have raced, and names those that have not.
page() {
    exec >>"$out/log-$SLURM_JOB_ID-page.txt" 2>&1
    check
    local kind node part of_kind results=() missing=() refused=()
    for kind in "${kinds[@]}"; do
        local runs=()
        while read -r node part of_kind; do
            [ "$of_kind" = "${kind:--}" ] || continue
            if [ -e "$out/$node/results.json" ]; then runs+=("$out/$node"); else missing+=("$node"); fi
        done <"$out/elements"
        if [ "$parts" -eq 1 ]; then
            results+=("${runs[@]/%//results.json}")
        elif [ ${#runs[@]} -eq "$parts" ]; then
            local whole=$out/merged${kind:+-$kind}
            if "$programs/bench-report" merge --track "$programs/track" --out "$whole" "${runs[@]}"; then
                results+=("$whole/results.json")
            else
                refused+=("$whole")
            fi
        fi
    done
    [ ${#results[@]} -eq 0 ] || "$programs/bench-report" report "${results[@]}" --to "$out/report.html"
    [ ${#refused[@]} -eq 0 ] || fail "could not merge ${refused[*]}, for the reasons above"
    [ ${#missing[@]} -eq 0 ] || fail "no results of ${missing[*]}: submitted again, their races go on"
}

# Checks that the programs are those that this file was written for: nobody builds on a node.
check() {
    (cd "$programs" && sha256sum --check --status) <<'SUMS' || fail "the programs in $programs are not those that this file was written for"
@SUMS@
SUMS
}

# Submits the array and the page.
submit() {
    command -v sbatch scontrol sinfo >/dev/null || fail "there is no sbatch here: submit it where Slurm is"
    if [ ! -e "$out/elements" ]; then
        choose >"$out/.elements"
        mv "$out/.elements" "$out/elements"
    fi
    local element=0 node page count
    count=$(wc -l <"$out/elements")
    job=$(sbatch --parsable --hold --exclusive --hint=nomultithread --array="0-$((count - 1))" --chdir="$out" "$out/race.slurm" race)
    job=${job%%;*}
    # Held until all have their nodes: nothing is left in the queue by half a submission.
    trap 'scancel "$job"' EXIT
    # An array asks for the same everywhere, so each element is given its node; requeued, it comes back to it.
    while read -r node _; do
        scontrol update "JobId=${job}_$element" "ReqNodeList=$node"
        element=$((element + 1))
    done <"$out/elements"
    page=$(sbatch --parsable --dependency="afterany:$job" --chdir="$out" "$out/race.slurm" page)
    trap - EXIT
    scontrol release "$job"
    echo "Array $job on $count node(s), and job ${page%%;*}, which draws $out/report.html"
}

# Chooses nodes, the idle ones first: a line each, with the part that it races and its kind.
choose() {
    local kind found taken=" "
    for kind in "${kinds[@]}"; do
        found=$(sinfo --noheader --Node --format='%N %P %t %f' | awk -v kind="$kind" -v partition="$partition" -v taken="$taken" '
            {
                is_default = sub(/\*$/, "", $2)
                if (partition == "" ? !is_default : $2 != partition) next
                # Those that are down, drained, silent or reserved for maintenance would be waited for in vain.
                if ($3 !~ /^(idle|mix|alloc|comp)[~#%@+-]?$/) next
                if (kind != "" && index("," $4 ",", "," kind ",") == 0) next
                if (index(taken, " " $1 " ") == 0) print ($3 ~ /^idle/ ? 0 : 1), $1
            }' | sort -s -k 1,1n | awk -v wanted="$nodes" -v kind="${kind:--}" 'NR <= wanted { print $2, NR, kind }')
        [ "$(grep -c . <<<"$found")" -eq "$nodes" ] || fail "too few nodes${kind:+ with the feature $kind}${partition:+ in the partition $partition}: $nodes wanted, and those that can be had: $(cut -d ' ' -f 1 <<<"$found" | paste -s -d ' ')"
        printf '%s\n' "$found"
        taken+="$(cut -d ' ' -f 1 <<<"$found" | paste -s -d ' ') "
    done
}

case ${1:-submit} in
race | page | submit) "${1:-submit}" ;;
*) fail "there is no step $1" ;;
esac
