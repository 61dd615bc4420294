-- commit (worker): set the bits of pictures whose record is in the store; the first commit of a position wins.
--
-- ARGV     2 start and 3 stop of the lease, 4 token, 5 first and 6 last (exclusive) of the rendered sub-range,
--          7 GPU seconds to charge, 8 price per hour or ''
-- Answers  the positions that were new; none when the job is cancelled or unknown. A stale token may commit.
-- The lease's entry is removed when nothing of it is left to render, or ever will be: the job is cancelled.
local start, stop, token = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local first, last = tonumber(ARGV[5]), tonumber(ARGV[6])
local current = state()
if not current then return {} end
charge(ARGV[7], ARGV[8])
local member = field(start, stop)
local entry = held(member, token)
if current == 'cancelled' then
  if entry then
    remove_entry(member)
    put_back(start, stop)
  end
  return {}
end
local number, new = group_of(first), {}
local blocked = number and redis.call('HEXISTS', BLOCKED, number) == 1
for position = first, last - 1 do
  if redis.call('SETBIT', DONE, position, 1) == 0 then
    table.insert(new, position)
    local failed = redis.call('HDEL', FAILED, position) == 1 or blocked
    if failed then redis.call('HINCRBY', job, 'failed', -1) end
    redis.call('HDEL', STRIKES, position)
  end
end
if #new > 0 then redis.call('HINCRBY', job, 'done', #new) end
if entry then
  local worker = root .. 'worker:' .. entry.worker
  if redis.call('EXISTS', worker) == 1 then redis.call('HINCRBY', worker, 'images_done', #new) end
  entry.new = entry.new + #new
  redis.call('HSET', ENTRIES, member, cjson.encode(entry))
  if not next_run(start, stop, 1) then remove_entry(member) end
end
return new
