-- lead (coordinator): take or keep the lock that picks the leader; with no seconds, give it up.
--
-- KEYS[1]  the lock
-- ARGV     2 name, 3 seconds it holds, '' to resign
-- Answers  1 for the leader, else 0
local holder = redis.call('GET', job)
if holder and holder ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('DEL', job)
  return 0
end
redis.call('SET', job, ARGV[2], 'PX', math.floor(tonumber(ARGV[3]) * 1000))
return 1
