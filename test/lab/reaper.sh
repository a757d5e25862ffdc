#!/usr/bin/env bash
# Removes what one lab made. Waits for the end of its input first: the test process holds the
# other end
# of that pipe, so it comes when the lab is closed and also when the process dies, whatever the way.
# Usage: reaper.sh STATE-FILE. The file names the lab's namespaces and folders, one a line, each
# written before the thing is made; nothing that it does not name is touched.
set -u
trap '' INT TERM HUP
cat >/dev/null
state=$1
[[ -e $state ]] || exit 0

mapfile -t spaces < <(sed -n 's/^netns //p' "$state")
mapfile -t groups < <(sed -n 's/^cgroup //p' "$state")
mapfile -t folders < <(sed -n 's/^folder //p' "$state")

# Everything a lab starts lives in one of its namespaces. A few rounds, because a process may have
# been forking while it was killed.
for _ in 1 2 3 4 5; do
  pids=()
  for space in "${spaces[@]}"; do
    [[ -e /run/netns/$space ]] && mapfile -t -O "${#pids[@]}" pids < <(ip netns pids "$space" 2>/dev/null)
  done
  ((${#pids[@]})) || break
  kill -KILL "${pids[@]}" 2>/dev/null
  sleep 0.05
done
failed=0
for space in "${spaces[@]}"; do
  [[ ! -e /run/netns/$space ]] || ip netns del "$space" || failed=1
done
for group in "${groups[@]}"; do
  # The processes were killed a moment ago.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [[ ! -d $group ]] || rmdir "$group" 2>/dev/null || { sleep 0.05 && continue; }
    break
  done
  [[ ! -d $group ]] || failed=1
done
for folder in "${folders[@]}"; do rm -rf -- "$folder" || failed=1; done
((failed)) || rm -f -- "$state"
exit "$failed"
