-- block (coordinator): no live worker can load a group's pipeline: its remaining positions count as failed, once.
--
-- ARGV     2 group number, 3 the sentence
-- Answers  how many positions the group has left; none when it is blocked already, or the job does not run
-- Positions stay where they are (unclaimed messages are withdrawn), so that `retry` only has to lift the block.
local number, current = ARGV[2], state()
if (current ~= 'queued' and current ~= 'running') or redis.call('HEXISTS', BLOCKED, number) == 1 then return 0 end
local group = cjson.decode(redis.call('HGET', GROUPS, number))
for _, member in ipairs(redis.call('ZRANGE', OUT, 0, -1)) do
  local entry = read_entry(member)
  if entry.state == 'sent' and entry.group == tonumber(number) then
    remove_entry(member)
    put_back(bounds(member))
  end
end
-- Whole bytes of the bitmap are counted at once: a group may hold millions.
local function rendered(start, stop)
  local first, last, count = math.ceil(start / 8), math.floor(stop / 8), 0
  if first < last then count = redis.call('BITCOUNT', DONE, first, last - 1) end
  for position = start, math.min(first * 8, stop) - 1 do count = count + redis.call('GETBIT', DONE, position) end
  for position = math.max(last * 8, first * 8, start), stop - 1 do
    count = count + redis.call('GETBIT', DONE, position)
  end
  return count
end

local count = group.stop - group.start - rendered(group.start, group.stop)
for _, position in ipairs(redis.call('HKEYS', FAILED)) do
  if group.start <= tonumber(position) and tonumber(position) < group.stop then count = count - 1 end
end
if count == 0 then return 0 end
redis.call('HSET', BLOCKED, number, ARGV[3])
redis.call('HINCRBY', job, 'failed', count)
redis.call('HSET', job, 'reason', ARGV[3])
return count
