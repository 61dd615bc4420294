-- take_back (coordinator): nobody serves a queue any more: its unclaimed ranges return to :again.
--
-- ARGV     2 queue
-- Answers  how many ranges returned. Messages that are still about find their entry gone, or sent again.
local count = 0
for _, member in ipairs(redis.call('ZRANGE', OUT, 0, -1)) do
  local entry = read_entry(member)
  if entry.state == 'sent' and entry.queue == ARGV[2] then
    remove_entry(member)
    put_back(bounds(member))
    count = count + 1
  end
end
return count
