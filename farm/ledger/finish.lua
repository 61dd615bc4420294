-- finish (coordinator): a job is over and its results are in the store.
--
-- ARGV     2 job id, 3 state, 4 reason or '', 5 finished_at, 6 '1' to refuse while something is left to render,
--          then fields of the job: name, value, name, value, ...
-- Answers  1, or 0 when the job is unknown, or refused: it was retried meanwhile.
-- Bits and failures stay for `retry`; what was under way is forgotten.
local current = state()
if not current then return 0 end
local count = redis.call('HMGET', job, 'done', 'failed', 'images')
if ARGV[6] == '1' and current ~= 'cancelled'
  and tonumber(count[1]) + tonumber(count[2]) < tonumber(count[3]) then
  return 0
end
for i = 7, #ARGV, 2 do redis.call('HSET', job, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', job, 'state', ARGV[3])
redis.call('HSETNX', job, 'finished_at', ARGV[5])
if ARGV[4] ~= '' then redis.call('HSET', job, 'reason', ARGV[4]) else redis.call('HDEL', job, 'reason') end
redis.call('HDEL', job, 'waiting')
redis.call('DEL', OUT, ENTRIES, LOST)
redis.call('ZREM', root .. 'active', ARGV[2])
return 1
