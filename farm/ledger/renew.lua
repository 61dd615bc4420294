-- renew (worker): extend a lease while its token is current and its progress moved, and carry live progress.
--
-- ARGV     2 start, 3 stop, 4 token, 5 worker, 6 lease in seconds,
--          7 progress as JSON {ticks, doing, step, steps, images, busy_s, patience_s, trouble}
-- Answers  continue | cancel | drain | lost
--
-- A range that is unknown under a token of an earlier epoch is adopted again when nobody else has any of it: Redis
-- lost its memory, the worker did not. While no epoch is current, or the job is not rebuilt yet, the worker goes on.
local start, stop, token, worker, lease = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5], tonumber(ARGV[6])
local progress = cjson.decode(ARGV[7])
local member, at = field(start, stop), now()

local function free()
  for _, other in ipairs(redis.call('ZRANGE', OUT, 0, -1)) do
    local first, last = bounds(other)
    if first < stop and start < last then return false end
  end
  return true
end

-- Take [start, stop) out of :again. Its ranges do not overlap, so only one that begins earlier can reach into it.
local function take_out()
  local inside = redis.call('ZRANGEBYSCORE', AGAIN, start, stop - 1)
  local before = redis.call('ZREVRANGEBYSCORE', AGAIN, '(' .. start, '-inf', 'LIMIT', 0, 1)[1]
  if before then table.insert(inside, before) end
  for _, other in ipairs(inside) do
    local first, last = bounds(other)
    if last > start then
      redis.call('ZREM', AGAIN, other)
      if first < start then redis.call('ZADD', AGAIN, first, field(first, start)) end
      if last > stop then redis.call('ZADD', AGAIN, stop, field(stop, last)) end
    end
  end
end

-- A worker keeps what it held before Redis lost it, out of :again or from beyond the group's cursor.
local function adopt()
  local number, group = group_of(start)
  if not group or stop > group.stop or not next_run(start, stop, 1) or not free() then return nil end
  local cursor = tonumber(redis.call('HGET', job, 'cursor:' .. number))
  if cursor < stop then
    if cursor < start then redis.call('ZADD', AGAIN, cursor, field(cursor, start)) end
    redis.call('HSET', job, 'cursor:' .. number, stop)
  end
  take_out()
  begin(at)
  return {
    state = 'leased', group = tonumber(number), queue = group.queue, queued_at = at, claimed_at = at,
    worker = worker, token = token, ticks = -1, moved_at = at, new = 0,
  }
end

local current, present = state(), epoch()
if current and OVER[current] then return 'cancel' end
local entry = current and held(member, token)
if not entry then
  local earlier = string.sub(token, 1, string.find(token, '.', 1, true) - 1) ~= present
  local pending = not present or (redis.call('HGET', job, 'restored') or '') ~= present
  if earlier and (not current or pending) then return 'continue' end
  entry = current and earlier and adopt()
  if not entry then return 'lost' end
end
if entry.ticks ~= progress.ticks then
  entry.ticks, entry.moved_at = progress.ticks, at
end
if progress.doing ~= 'loading' and entry.doing ~= progress.doing then
  redis.call('HDEL', root .. 'deaths:' .. worker, entry.queue)
end
entry.renewed_at, entry.busy_s, entry.trouble = at, progress.busy_s, progress.trouble
entry.doing, entry.step, entry.steps, entry.images = progress.doing, progress.step, progress.steps, progress.images
local moves = at - entry.moved_at <= progress.patience_s
write_entry(member, entry, moves and at + lease or redis.call('ZSCORE', OUT, member) or at)
if redis.call('EXISTS', root .. 'worker:' .. worker) == 1 and progress.doing ~= 'publishing' then
  redis.call('HSET', root .. 'worker:' .. worker, 'doing', progress.doing, 'step', progress.step, 'steps',
    progress.steps, 'job_id', string.match(job, '([^:]+)$'))
end
if redis.call('HGET', root .. 'worker:' .. worker, 'draining') == '1' then return 'drain' end
return 'continue'
