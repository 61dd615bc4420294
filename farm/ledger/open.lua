-- open (client, coordinator): make a job known; one that is known already stays as it is.
--
-- ARGV     2 job id, 3 submitted_at, 4 fields of the job's hash as JSON {field: text},
--          5 groups as JSON {number: {start, stop, queue}}
-- Answers  1 when the job is new, else 0
if redis.call('EXISTS', job) == 1 then return 0 end
for name, value in pairs(cjson.decode(ARGV[4])) do redis.call('HSET', job, name, value) end
for number, group in pairs(cjson.decode(ARGV[5])) do
  redis.call('HSET', GROUPS, number, cjson.encode(group))
  redis.call('HSET', job, 'cursor:' .. number, group.start)
end
redis.call('ZADD', root .. 'jobs', ARGV[3], ARGV[2])
redis.call('ZADD', root .. 'active', ARGV[3], ARGV[2])
return 1
