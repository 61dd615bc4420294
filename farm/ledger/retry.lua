-- retry (client, coordinator): give what failed another chance, and only that.
--
-- ARGV     2 job id
-- Answers  how many images go back to work. Clears quarantines, blocked groups, strikes, and the unfit marks of the
--          job's queues; a job that was over with failures runs again.
local current = state()
if not current or current == 'cancelled' then return 0 end
local count = tonumber(redis.call('HGET', job, 'failed'))
if count == 0 then return 0 end
local failed = redis.call('HKEYS', FAILED)
for i, position in ipairs(failed) do failed[i] = tonumber(position) end
table.sort(failed)
redis.call('DEL', FAILED, STRIKES, BLOCKED)
local i = 1
while i <= #failed do
  local last, _, group = i, group_of(failed[i])
  while failed[last + 1] == failed[last] + 1 and failed[last + 1] < group.stop do last = last + 1 end
  put_back(failed[i], failed[last] + 1)
  i = last + 1
end
local queues = {}
for _, text in ipairs(redis.call('HVALS', GROUPS)) do queues[cjson.decode(text).queue] = true end
for queue in pairs(queues) do
  for _, worker in ipairs(redis.call('ZRANGE', root .. 'workers', 0, -1)) do
    redis.call('HDEL', root .. 'worker:' .. worker, 'unfit:' .. queue, 'unfit_at:' .. queue)
    redis.call('HDEL', root .. 'deaths:' .. worker, queue)
  end
end
redis.call('HSET', job, 'failed', 0)
redis.call('HDEL', job, 'reason')
if OVER[current] then
  redis.call('HSET', job, 'state', 'running')
  redis.call('HDEL', job, 'finished_at')
  redis.call('ZADD', root .. 'active', redis.call('HGET', job, 'submitted_at'), ARGV[2])
end
return count
