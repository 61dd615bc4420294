-- give_back (worker): close an attempt without a strike; what has no bit returns to :again.
--
-- ARGV     2 start, 3 stop, 4 token, 5 GPU seconds to charge, 6 price per hour or ''
-- Answers  1 when the token still held the range, else 0
local start, stop = tonumber(ARGV[2]), tonumber(ARGV[3])
if not state() then return 0 end
charge(ARGV[5], ARGV[6])
local member = field(start, stop)
if not held(member, ARGV[4]) then return 0 end
remove_entry(member)
put_back(start, stop)
return 1
