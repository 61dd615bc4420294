-- dispatch (coordinator): take the next range of a group, from what came back, else from the group's cursor.
--
-- ARGV     2 group number, 3 most positions in the range
-- Answers  {start, stop}, now outstanding as "sent"; or nothing: the job does not run, the group is blocked or empty
local number, size = ARGV[2], tonumber(ARGV[3])
local current = state()
if (current ~= 'queued' and current ~= 'running') or redis.call('HEXISTS', BLOCKED, number) == 1 then return nil end
local found = redis.call('HGET', GROUPS, number)
if not found then return nil end
local group = cjson.decode(found)

local function from_again()
  while true do
    local member = redis.call('ZRANGEBYSCORE', AGAIN, group.start, group.stop - 1, 'LIMIT', 0, 1)[1]
    if not member then return nil end
    redis.call('ZREM', AGAIN, member)
    local start, stop = bounds(member)
    local first, last = next_run(start, stop, size)
    if first then
      if last < stop then redis.call('ZADD', AGAIN, last, field(last, stop)) end
      return first, last
    end
  end
end

local function from_cursor()
  local cursor = tonumber(redis.call('HGET', job, 'cursor:' .. number))
  local first, last = next_run(cursor, group.stop, size)
  redis.call('HSET', job, 'cursor:' .. number, last or group.stop)
  return first, last
end

local first, last = from_again()
if not first then first, last = from_cursor() end
if not first then return nil end
local at = now()
write_entry(field(first, last), { state = 'sent', group = tonumber(number), queue = group.queue, queued_at = at }, at)
return { first, last }
