#!/usr/bin/env bash
# Test with several processes on this machine: tools/dist_test.sh RUN_DIR_OR_CHECKPOINT GPUS [options of tools/test.py]
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: tools/dist_test.sh RUN_DIR_OR_CHECKPOINT GPUS [options of tools/test.py]" >&2
    exit 2
fi
RUN=$1
GPUS=$2
export TORCH_CPP_LOG_LEVEL="${TORCH_CPP_LOG_LEVEL:-ERROR}"  # a lost connection is told in a sentence, not in a trace
exec "${PYTHON:-python}" "$(dirname "$0")/launch.py" \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$GPUS" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$(dirname "$0")/test.py" "$RUN" --launcher pytorch "${@:3}"
