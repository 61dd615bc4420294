-- fail (worker): close an attempt; sub-ranges that failed come back halved, a single task gets a strike, and every
-- other position without a bit returns unpunished.
--
-- ARGV     2 start, 3 stop, 4 token, 5 failed sub-ranges as JSON [[start, stop], ...], 6 worker, 7 the sentence,
--          8 GPU seconds to charge, 9 price per hour or ''
-- Answers  the positions that went into quarantine
local start, stop, worker, sentence = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[6], ARGV[7]
if not state() then return {} end
charge(ARGV[8], ARGV[9])
local member = field(start, stop)
local entry = held(member, ARGV[4])
if not entry then return {} end
remove_entry(member)
local failed = cjson.decode(ARGV[5])
table.sort(failed, function(a, b) return a[1] < b[1] end)
local at, quarantined = start, {}
for _, part in ipairs(failed) do
  local first, last = math.max(part[1], at), math.min(part[2], stop)
  if first < last then
    put_back(at, first)
    if last - first > 1 then
      put_back_halved(first, last)
    elseif not settled(first) and strike(first, entry.queue, worker, sentence) then
      table.insert(quarantined, first)
    end
    at = last
  end
end
put_back(at, stop)
return quarantined
