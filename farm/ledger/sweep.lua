-- sweep (coordinator): find leases that ran out and messages that were lost.
--
-- ARGV     2 grace in seconds, 3 lengths of the broker's queues as JSON {queue: length}
-- Answers  {expired, resend}: expired attempts as JSON texts, those of earlier sweeps that nobody acknowledged
--          included; resend as {start, stop, start, stop, ...}, still outstanding as "sent"
--
-- An expired lease of one task is a strike; a longer range comes back halved. One that ran out while its worker loaded
-- comes back as it was: its tasks had no part in it, but the worker that does so again and again is unfit for the queue.
-- One that ran out while its worker waited for the store comes back as it was too.
-- An attempt's seconds are those of the last renewal. A range that was sent, is older than the grace, and whose queue is empty had its message lost. For one
-- lease after a new epoch nothing is swept, so that living workers keep what they hold.
local grace, lengths, at = tonumber(ARGV[2]), cjson.decode(ARGV[3]), now()
local current = state()
if not current then return { {}, {} } end

-- A worker that died LOADS times while loading, and never got through, is not given the queue again.
local LOADS = 3
local function died_loading(worker, queue)
  local deaths, known = root .. 'deaths:' .. worker, root .. 'worker:' .. worker
  local count = redis.call('HINCRBY', deaths, queue, 1)
  if count < LOADS or redis.call('EXISTS', known) == 0 then return end
  local sentence = string.format('Worker %s died %d times while loading the model of %s: is there enough memory?',
    worker, count, redis.call('HGET', job, 'name'))
  redis.call('HSET', known, 'unfit:' .. queue, sentence, 'unfit_at:' .. queue, text(at))
  redis.call('HDEL', deaths, queue)
end

local function expire(member, entry)
  local start, stop = bounds(member)
  remove_entry(member)
  local price = redis.call('HGET', root .. 'worker:' .. entry.worker, 'price_per_hour') or ''
  charge(text(entry.busy_s or 0), price)
  local quarantined = {}
  if OVER[current] then
    put_back(start, stop)
  elseif not entry.doing or entry.doing == 'loading' then
    put_back(start, stop)
    died_loading(entry.worker, entry.queue)
  elseif entry.doing == 'waiting' then
    put_back(start, stop)
  elseif stop - start > 1 then
    put_back_halved(start, stop)
  elseif not settled(start) then
    local sentence = string.format(
      'Task %d was given up: workers died or hung on it, %s the last.', start, entry.worker)
    if strike(start, entry.queue, nil, sentence) then quarantined[1] = start end
  end
  local lost = {
    start = start, stop = stop, token = entry.token, worker = entry.worker, queued_at = entry.queued_at,
    claimed_at = entry.claimed_at, renewed_at = entry.renewed_at, busy_s = entry.busy_s or 0,
  }
  if #quarantined > 0 then lost.quarantined = quarantined end
  redis.call('HSET', LOST, entry.token, cjson.encode(lost))
end

local resend = {}
if at >= tonumber(redis.call('GET', root .. 'calm') or 0) then
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', OUT, '-inf', text(at))) do
    local entry = read_entry(member)
    if entry.state == 'leased' then
      expire(member, entry)
    elseif at - tonumber(redis.call('ZSCORE', OUT, member)) > grace and (lengths[entry.queue] or 1) == 0
      and (current == 'queued' or current == 'running') then
      redis.call('ZADD', OUT, text(at), member)
      local start, stop = bounds(member)
      table.insert(resend, start)
      table.insert(resend, stop)
    end
  end
end
return { redis.call('HVALS', LOST), resend }
