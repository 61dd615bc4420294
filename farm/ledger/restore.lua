-- restore (coordinator): put a job as the store tells it into the ledger.
--
-- ARGV     2 bitmap of rendered positions, 3 quarantined positions as JSON {position: sentence},
--          4 positions that are neither, as JSON [[start, stop], ...] within groups, 5 epoch, 6 started_at or ''
--
-- Bits that are set stay set, and quarantines stay: they may only be newer than what the store was asked for. Blocked
-- groups are found again.
-- Ranges that are out stay out; the rest waits in :again, and cursors stand at their group's end.
redis.call('SET', DONE .. ':stored', ARGV[2])
redis.call('BITOP', 'OR', DONE, DONE, DONE .. ':stored')
redis.call('DEL', DONE .. ':stored', BLOCKED, AGAIN)
for position, sentence in pairs(cjson.decode(ARGV[3])) do redis.call('HSET', FAILED, position, sentence) end
for _, position in ipairs(redis.call('HKEYS', FAILED)) do
  if redis.call('GETBIT', DONE, position) == 1 then redis.call('HDEL', FAILED, position) end
end
local out = {}
for i, member in ipairs(redis.call('ZRANGE', OUT, 0, -1)) do
  local start, stop = bounds(member)
  out[i] = { start, stop }
end
table.sort(out, function(a, b) return a[1] < b[1] end)
for _, gap in ipairs(cjson.decode(ARGV[4])) do
  local start, stop = gap[1], gap[2]
  for _, other in ipairs(out) do
    if other[1] < stop and start < other[2] then
      if start < other[1] then redis.call('ZADD', AGAIN, start, field(start, other[1])) end
      start = other[2]
    end
  end
  if start < stop then redis.call('ZADD', AGAIN, start, field(start, stop)) end
end
local groups = redis.call('HGETALL', GROUPS)
for i = 1, #groups, 2 do
  redis.call('HSET', job, 'cursor:' .. groups[i], cjson.decode(groups[i + 1]).stop)
end
redis.call('HSET', job, 'done', redis.call('BITCOUNT', DONE), 'failed', redis.call('HLEN', FAILED),
  'restored', ARGV[5])
if ARGV[6] ~= '' then redis.call('HSETNX', job, 'started_at', ARGV[6]) end
return 1
