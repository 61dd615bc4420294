-- epoch (coordinator): begin a new epoch when there is none, or when Redis is another run than the one that began it
-- (restart, failover, roll-back, FLUSHALL).
--
-- ARGV     2 random digits, 3 lease in seconds
-- Answers  {epoch, 1 when it is new}. Epochs begin with their start in milliseconds, so that they order.
-- A new epoch restarts the token counter and suspends sweeping for one lease.
local present = epoch()
if present then return { present, 0 } end
local at = now()
local begun = string.format('%dx%s', math.floor(at * 1000), ARGV[2])
redis.call('SET', root .. 'run_id', string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or '')
redis.call('SET', root .. 'epoch', begun)
redis.call('SET', root .. 'calm', text(at + tonumber(ARGV[3])))
redis.call('DEL', root .. 'counter', root .. 'discovered')
return { begun, 1 }
