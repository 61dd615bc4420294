-- control (client, coordinator): change a job's state and settings, as its control objects say.
--
-- ARGV     2 state or '', 3 reason or '', then settings: name, value, name, value, ...
-- Answers  the job's state afterwards, or nothing for an unknown job
--
-- A job that is over stays as it ended. Resuming a job that nothing was claimed of yet makes it queued again. The
-- reason is replaced whenever a state is given.
local current, wanted = state(), ARGV[2]
if not current then return nil end
for i = 4, #ARGV, 2 do redis.call('HSET', job, ARGV[i], ARGV[i + 1]) end
if wanted == '' or OVER[current] then
  if wanted == '' and ARGV[3] ~= '' then redis.call('HSET', job, 'reason', ARGV[3]) end
  return current
end
if wanted == 'running' and redis.call('HEXISTS', job, 'started_at') == 0 then wanted = 'queued' end
redis.call('HSET', job, 'state', wanted)
if ARGV[3] == '' then redis.call('HDEL', job, 'reason') else redis.call('HSET', job, 'reason', ARGV[3]) end
if OVER[wanted] then redis.call('HSET', job, 'finished_at', text(now())) end
return wanted
