-- Prepended to every script: the job's keys, the clock, and what all scripts ask of positions and ranges.
--
-- KEYS[1]  <prefix>:job:<id>, the job's hash; the job's other keys are derived from it (no Redis Cluster: kombu has none)
-- ARGV[1]  <prefix>: the root of the farm's own keys
--
-- A position of a job is in exactly one place:
--   its bit is set in :done | a field of :failed | inside one entry of :out | inside one range of :again |
--   at or after the cursor of its group.
-- A bit that is set late (a stale token may commit) may also lie inside an entry or range: it is cut off when that
-- is next taken up. A blocked group keeps its positions where they are and counts them as failed.
local job, root = KEYS[1], ARGV[1]
local DONE, OUT, ENTRIES, AGAIN = job .. ':done', job .. ':out', job .. ':entries', job .. ':again'
local FAILED, STRIKES, BLOCKED = job .. ':failed', job .. ':strikes', job .. ':blocked'
local GROUPS, LOST = job .. ':groups', job .. ':lost'
local OVER = { done = true, failed = true, cancelled = true }

-- POSIX seconds of the Redis clock, moved by the offset that only tests set.
local function now()
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1e6 + tonumber(redis.call('GET', root .. 'offset') or 0)
end

-- Replies cut numbers to integers, so instants travel as text.
local function text(number) return string.format('%.6f', number) end

-- The epoch, or nil while it is missing or was begun by another run of Redis: then no token may be issued.
local function epoch()
  local current = redis.call('GET', root .. 'epoch')
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
  return current and redis.call('GET', root .. 'run_id') == run and current or nil
end

local function state() return redis.call('HGET', job, 'state') end

-- Somebody works on the job.
local function begin(at)
  redis.call('HSETNX', job, 'started_at', text(at))
  if state() == 'queued' then redis.call('HSET', job, 'state', 'running') end
end

local function field(start, stop) return string.format('%d-%d', start, stop) end
local function bounds(member)
  local start, stop = string.match(member, '^(%d+)-(%d+)$')
  return tonumber(start), tonumber(stop)
end

local function settled(position)
  return redis.call('GETBIT', DONE, position) == 1 or redis.call('HEXISTS', FAILED, position) == 1
end

-- First run of unsettled positions in [start, stop), at most `size` long; nil when there is none.
local function next_run(start, stop, size)
  while start < stop and settled(start) do start = start + 1 end
  if start >= stop then return nil end
  local last = start + 1
  while last < stop and last - start < size and not settled(last) do last = last + 1 end
  return start, last
end

-- Return the unsettled positions of [start, stop) to :again, as they are.
local function put_back(start, stop)
  while true do
    local first, last = next_run(start, stop, stop - start)
    if not first then return end
    redis.call('ZADD', AGAIN, first, field(first, last))
    start = last
  end
end

-- Return a range to :again in two halves; a single task as it is.
local function put_back_halved(start, stop)
  while true do
    local first, last = next_run(start, stop, stop - start)
    if not first then return end
    local middle = math.floor((first + last + 1) / 2)
    redis.call('ZADD', AGAIN, first, field(first, middle))
    if middle < last then redis.call('ZADD', AGAIN, middle, field(middle, last)) end
    start = last
  end
end

local function read_entry(member)
  local found = redis.call('HGET', ENTRIES, member)
  return found and cjson.decode(found) or nil
end

local function write_entry(member, entry, score)
  redis.call('HSET', ENTRIES, member, cjson.encode(entry))
  redis.call('ZADD', OUT, text(score), member)
end

local function remove_entry(member)
  redis.call('HDEL', ENTRIES, member)
  redis.call('ZREM', OUT, member)
end

-- The entry, when the token holds it.
local function held(member, token)
  local entry = read_entry(member)
  return entry and entry.token == token and entry or nil
end

-- Number of the group a position lies in, with the group's bounds and queue. There may be thousands: they are read once
-- a script, and halved until the one is found.
local groups
local function group_of(position)
  if not groups then
    groups = {}
    local found = redis.call('HGETALL', GROUPS)
    for i = 1, #found, 2 do
      local group = cjson.decode(found[i + 1])
      group.number = found[i]
      groups[#groups + 1] = group
    end
    table.sort(groups, function(a, b) return a.start < b.start end)
  end
  local low, high = 1, #groups
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if groups[middle].start <= position then low = middle else high = middle - 1 end
  end
  local group = groups[low]
  if group and group.start <= position and position < group.stop then return group.number, group end
end

-- Charge GPU seconds to the job; the cost stays absent until somebody has a price. Both come as text, '' for none.
local function charge(seconds, price)
  if tonumber(seconds) > 0 then redis.call('HINCRBYFLOAT', job, 'gpu_s', seconds) end
  if price ~= '' then
    redis.call('HINCRBYFLOAT', job, 'cost', string.format('%.12f', tonumber(seconds) * tonumber(price) / 3600))
  end
end

-- Workers that could hold the group's pipeline, at least one. A minute's silence is not yet a worker's end: after a
-- restart of Redis some say later than others that they live.
local function capable(queue)
  local least = tonumber(redis.call('HGET', job, 'min_vram_gb') or '') or 0
  local alive = redis.call('ZRANGEBYSCORE', root .. 'workers', text(now() - 60), '+inf')
  local since, count = tonumber(redis.call('HGET', job, 'submitted_at')), 0
  for _, id in ipairs(alive) do
    local found = redis.call('HMGET', root .. 'worker:' .. id, 'vram_gb', 'unfit_at:' .. queue, 'device')
    local vram, unfit_at = found[3] == 'cpu' and 0 or tonumber(found[1] or ''), tonumber(found[2] or '')
    if not (unfit_at and unfit_at >= since) and (not vram or vram >= least) then count = count + 1 end
  end
  return math.max(1, count)
end

-- Put a single task into quarantine with its sentence.
local function quarantine(position, sentence)
  redis.call('HSET', FAILED, position, sentence)
  redis.call('HDEL', STRIKES, position)
  local number = redis.call('EXISTS', BLOCKED) == 1 and group_of(position)
  if number and redis.call('HEXISTS', BLOCKED, number) == 1 then return end
  redis.call('HINCRBY', job, 'failed', 1)
end

-- Strike a single task: by a worker that reported its failure, or nil for a lease that ran out. Quarantines it when
-- min(max_attempts, capable live workers) different workers failed at it, or max_attempts attempts went wrong in all.
local function strike(position, queue, worker, sentence)
  local found = redis.call('HGET', STRIKES, position)
  local strikes = found and cjson.decode(found) or { total = 0, workers = {} }
  strikes.total = strikes.total + 1
  if worker then strikes.workers[worker] = 1 end
  local different = 0
  for _ in pairs(strikes.workers) do different = different + 1 end
  local most = tonumber(redis.call('HGET', job, 'max_attempts'))
  if strikes.total >= most or (worker and different >= math.min(most, capable(queue))) then
    quarantine(position, sentence)
    return true
  end
  redis.call('HSET', STRIKES, position, cjson.encode(strikes))
  redis.call('ZADD', AGAIN, position, field(position, position + 1))
  return false
end
