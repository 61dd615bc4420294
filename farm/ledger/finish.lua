-- finish (coordinator): a job is over and its results are in the store.
--
-- ARGV     2 job id, 3 state, 4 reason or '', 5 finished_at, 6 GPU seconds or '', 7 cost or '': totals of the records
-- Answers  1, or 0 for an unknown job. Bits and failures stay for `retry`; what was under way is forgotten.
if not state() then return 0 end
redis.call('HSET', job, 'state', ARGV[3])
redis.call('HSETNX', job, 'finished_at', ARGV[5])
if ARGV[4] ~= '' then redis.call('HSET', job, 'reason', ARGV[4]) else redis.call('HDEL', job, 'reason') end
if ARGV[6] ~= '' then redis.call('HSET', job, 'gpu_s', ARGV[6]) end
if ARGV[7] ~= '' then redis.call('HSET', job, 'cost', ARGV[7]) end
redis.call('HDEL', job, 'waiting')
redis.call('DEL', OUT, ENTRIES, LOST)
redis.call('ZREM', root .. 'active', ARGV[2])
return 1
