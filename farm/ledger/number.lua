-- number (client, coordinator): the number of a job's next control object: no two have one, however many speak at once.
--
-- ARGV     2 the greatest number in the store
-- Answers  the number; of a job that is not known, the one after the store's
local number = tonumber(ARGV[2])
if not state() then return number + 1 end
number = math.max(number, tonumber(redis.call('HGET', job, 'control') or 0)) + 1
redis.call('HSET', job, 'control', number)
return number
