-- fail (worker): close an attempt; sub-ranges that failed come back halved, a single task gets a strike, one that is
-- certain to fail again is given up at once, and every other position without a bit returns unpunished.
--
-- ARGV     2 start, 3 stop, 4 token, 5 failed sub-ranges as JSON [[start, stop, sentence, certain], ...], 6 worker,
--          7 GPU seconds to charge, 8 price per hour or ''
-- Answers  the positions that went into quarantine
local start, stop, worker = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[6]
if not state() then return {} end
charge(ARGV[7], ARGV[8])
local member = field(start, stop)
local entry = held(member, ARGV[4])
if not entry then return {} end
remove_entry(member)
local failed = cjson.decode(ARGV[5])
table.sort(failed, function(a, b) return a[1] < b[1] end)
local at, quarantined = start, {}

-- Give up what would fail again, wherever it is tried.
local function give_up(first, last, sentence)
  for position = first, last - 1 do
    if not settled(position) then
      quarantine(position, sentence)
      table.insert(quarantined, position)
    end
  end
end

for _, part in ipairs(failed) do
  local first, last, sentence = math.max(part[1], at), math.min(part[2], stop), part[3]
  if first < last then
    put_back(at, first)
    if part[4] then
      give_up(first, last, sentence)
    elseif last - first > 1 then
      put_back_halved(first, last)
    elseif not settled(first) and strike(first, entry.queue, worker, sentence) then
      table.insert(quarantined, first)
    end
    at = last
  end
end
put_back(at, stop)
return quarantined
