-- claim (worker): lease the exact outstanding entry that a message names.
--
-- ARGV     2 start, 3 stop, 4 worker, 5 lease in seconds
-- Answers  {'granted', epoch, counter, queued_at, claimed_at} or {refusal}:
--          unknown    the job, or a current epoch, is not there (yet): the message is dropped, the sweep sends again
--          cancelled  the job is over;  done: nothing is left to render;  both remove the entry
--          taken      somebody holds it, or it is no longer outstanding
--          paused     the job is paused, and the range is back in :again
local start, stop, worker, lease = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local member, current, present = field(start, stop), state(), epoch()
if not current or not present then return { 'unknown' } end
local entry = read_entry(member)
if OVER[current] then
  if entry and entry.state == 'sent' then
    remove_entry(member)
    put_back(start, stop)
  end
  return { current == 'done' and 'done' or 'cancelled' }
end
if not entry then return { next_run(start, stop, 1) and 'taken' or 'done' } end
if entry.state ~= 'sent' then return { 'taken' } end
if not next_run(start, stop, 1) then
  remove_entry(member)
  return { 'done' }
end
if current == 'paused' then
  remove_entry(member)
  put_back(start, stop)
  return { 'paused' }
end
local at, counter = now(), redis.call('INCR', root .. 'counter')
entry.state, entry.worker, entry.token = 'leased', worker, present .. '.' .. counter
entry.claimed_at, entry.renewed_at, entry.moved_at, entry.ticks, entry.new = at, at, at, -1, 0
write_entry(member, entry, at + lease)
begin(at)
return { 'granted', present, counter, text(entry.queued_at), text(at) }
